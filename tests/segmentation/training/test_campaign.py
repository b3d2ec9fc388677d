"""The campaign file is read strictly, its stages know their order and state, Slurm gets what is left."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from bratseg.cli import main
from bratseg.training.campaign import Campaign, read_campaign, template
from bratseg.training.layout import Layout
from bratseg.training.running import child_environment, start_folder
from bratseg.training.splitting import check_splits
from bratseg.training.stages import Stage, named_stages, stages_of, status_of
from bratseval.errors import InputError
from factories.campaign_text import TINY


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY, "utf-8")
    return path


@pytest.fixture
def campaign(source: Path) -> Campaign:
    return read_campaign(source)


def changed(source: Path, old: str, new: str) -> Path:
    text = source.read_text("utf-8")
    assert old in text
    source.write_text(text.replace(old, new, 1), "utf-8")
    return source


def finish(stage: Stage) -> None:
    stage.product.parent.mkdir(parents=True, exist_ok=True)
    stage.product.write_text("{}", "utf-8")


def test_the_template_has_the_papers_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--template"]) == 0
    (tmp_path / "africa.toml").write_text(capsys.readouterr().out, "utf-8")
    campaign = read_campaign(tmp_path / "africa.toml")
    assert (tmp_path / "africa.toml").read_text("utf-8") == template()
    # arXiv 2412.04111: 128x128x128, 200 epochs, SGD from 0.01; the group's code: 150 epochs of fine-tuning
    assert campaign.patch_size == (128, 128, 128)
    assert [campaign.schedules[domain].epochs for domain in ("pretrain", "finetune")] == [200, 150]
    assert campaign.schedules["finetune"].learning_rate == {"nnunet": 0.01, "mednext": 0.001}
    assert campaign.mednext is not None
    assert campaign.mednext.expansion == (2, 3, 4, 4, 4, 4, 4, 3, 2)  # MedNeXt-M
    # five folds of two networks, pretrained once each, and eight stages before them
    stages = stages_of(campaign, Layout(tmp_path))
    assert sum(stage.kind == "train" for stage in stages) == 12


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("epochs = 3", "epoch = 3", "pretrain.epochs is missing"),
        ("seed = 0", "seed = 0\nspeed = 1", "run has unknown keys"),
        ('name = "tiny"', 'name = "tiny"\ncolour = "red"', "the file has unknown keys"),
        ("patch_size = [16, 32, 16]", "patch_size = [16, 40, 16]", "multiples of 16"),
        ("patch_size = [16, 32, 16]", "patch_size = [16, 16, 16]", "plan.patch_size is too small"),
        ('folds = ["0", "1"]', 'folds = ["0", "0"]', "finetune.folds are no folds"),
        ('folds = ["0", "1"]', 'folds = ["0", "all"]', "finetune.folds are no folds"),
        ('folds = ["all"]', 'folds = ["0"]', "folds that are not pretrained"),
        ('folds = ["all"]', 'folds = ["0", "1"]', "data.pretrain_splits is missing"),
        ("gpus = 1", "gpus = 2", "run.gpus does not fit"),
        ('device = "cpu"', 'device = "tpu"', "run.device is unknown"),
        ("nnunet = 0.01", "nnunet = -0.01", "positive numbers"),
        ("format = 1", "format = 2", "is not supported"),
        ("iterations = 2", "iterations = 0", "pretrain.iterations is not as it should be"),
    ],
)
def test_what_a_campaign_file_may_not_say(source: Path, old: str, new: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_campaign(changed(source, old, new))


def test_a_file_that_is_not_there_and_one_that_is_no_toml_are_named(tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_text("[", "utf-8")
    with pytest.raises(InputError, match=r"odd\.toml: is not TOML"):
        read_campaign(tmp_path / "odd.toml")
    with pytest.raises(InputError, match=r"none\.toml: cannot be read"):
        read_campaign(tmp_path / "none.toml")


def test_fine_tuning_waits_for_its_own_networks_pretraining(campaign: Campaign, tmp_path: Path) -> None:
    stages = {stage.name: stage for stage in stages_of(campaign, Layout(tmp_path))}
    assert stages["finetune-mednext-1"].needs == ("preprocess-finetune", "splits-finetune", "pretrain-mednext-all")
    assert stages["pretrain-nnunet-all"].needs == ("preprocess-pretrain",)
    assert stages["plan"].needs == ("fingerprint-pretrain", "fingerprint-finetune")


def test_a_fold_starts_from_the_same_fold_where_pretraining_has_folds(source: Path, tmp_path: Path) -> None:
    changed(source, 'folds = ["all"]', 'folds = ["0", "1"]')
    changed(source, 'pretrain = "GLI"', 'pretrain = "GLI"\npretrain_splits = "gli.json"')
    stages = {stage.name: stage for stage in stages_of(read_campaign(source), Layout(tmp_path))}
    assert stages["finetune-nnunet-1"].needs[-1] == "pretrain-nnunet-1"
    assert "splits-pretrain" in stages


def test_every_stage_comes_after_what_it_needs(campaign: Campaign, tmp_path: Path) -> None:
    seen: set[str] = set()
    for stage in stages_of(campaign, Layout(tmp_path)):
        assert set(stage.needs) <= seen
        seen.add(stage.name)


def test_statuses_come_from_the_files(campaign: Campaign, tmp_path: Path) -> None:
    stages = stages_of(campaign, Layout(tmp_path))
    named = {stage.name: stage for stage in stages}
    assert status_of(named["link-pretrain"], stages) == "ready"
    assert status_of(named["plan"], stages) == "waiting"
    finish(named["link-pretrain"])
    assert status_of(named["link-pretrain"], stages) == "done"
    training = named["pretrain-nnunet-all"]
    training.product.parent.mkdir(parents=True)
    (training.product.parent / "checkpoint_latest.pth").touch()
    assert status_of(training, stages) == "interrupted"


def test_stages_are_chosen_by_name_or_by_the_part_before_a_hyphen(campaign: Campaign, tmp_path: Path) -> None:
    stages = stages_of(campaign, Layout(tmp_path))
    assert [stage.name for stage in named_stages(stages, ["finetune-mednext", "plan"])] == [
        "plan",
        "finetune-mednext-0",
        "finetune-mednext-1",
    ]
    with pytest.raises(InputError, match="names planning"):
        named_stages(stages, ["planning"])


def test_the_plan_says_what_is_left(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layout = Layout(tmp_path / "tiny")
    stages = stages_of(read_campaign(source), layout)
    training = next(stage for stage in stages if stage.name == "pretrain-nnunet-all")
    finish(training)
    other = next(stage for stage in stages if stage.name == "pretrain-mednext-all")
    other.product.parent.mkdir(parents=True)
    (other.product.parent / "checkpoint_latest.pth").touch()
    (other.product.parent / "history.json").write_text(json.dumps([{"epoch": 0}]), "utf-8")
    assert main(["train", str(source), "--plan"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "pretrain-nnunet-all     done         epoch 3 of 3" in printed
    assert "pretrain-mednext-all    interrupted  epoch 1 of 3" in printed
    # 14 stages without the one that is done; 2 epochs of MedNeXt and 1 for each of four folds
    assert printed[-1] == "13 of 14 stages are left, 6 epochs of training"
    assert not layout.campaign.exists()  # nothing was started


def test_a_folder_belongs_to_one_campaign(source: Path, tmp_path: Path) -> None:
    start_folder(source, tmp_path / "run")
    start_folder(changed(source, 'device = "cpu"', 'device = "cuda"'), tmp_path / "run")  # may change
    with pytest.raises(InputError, match="schedules changed"):
        start_folder(changed(source, "epochs = 3", "epochs = 4"), tmp_path / "run")
    with pytest.raises(InputError, match="schedules, seed changed"):
        start_folder(changed(source, "seed = 0", "seed = 1"), tmp_path / "run")


def test_other_folds_than_those_trained_on_are_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "splits.json").write_text("[]", "utf-8")
    layout = Layout(tmp_path / "run")
    start_folder(source, layout.folder)
    layout.splits("finetune").parent.mkdir(parents=True)
    layout.splits("finetune").write_text("[]", "utf-8")
    start_folder(source, layout.folder)
    (tmp_path / "splits.json").write_text("[{}]", "utf-8")
    with pytest.raises(InputError, match=r"splits\.json: changed since"):
        start_folder(source, layout.folder)


def test_upstreams_variables_are_the_childs_alone(campaign: Campaign, tmp_path: Path) -> None:
    before = dict(os.environ)
    stages = {stage.name: stage for stage in stages_of(campaign, Layout(tmp_path))}
    found = child_environment(Layout(tmp_path), stages["pretrain-nnunet-all"], campaign, {"PATH": "/bin"})
    assert found["nnUNet_results"] == str(tmp_path / "nnUNet_results")
    assert found["PATH"] == "/bin"
    assert found["nnUNet_n_proc_DA"] == "0"
    planning = child_environment(Layout(tmp_path), stages["plan"], campaign, {})
    assert planning["nnUNet_n_proc_DA"] == "1"  # upstream's planner sets so many threads, and 0 are none
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("splits", "problem"),
    [
        ({"train": []}, "is no list of train and val"),
        ([{"train": ["a", "b"], "val": ["b"]}], "fold 0 has in both parts b"),
        ([{"train": ["a"], "val": ["c"]}], "fold 0 has the unknown c"),
        ([{"train": ["a"], "val": []}], "fold 0 is without b"),
    ],
)
def test_splits_that_leak_or_do_not_fit_are_refused(splits: object, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        check_splits(splits, ["a", "b"], ["0"], Path("splits.json"))


def test_a_fold_that_the_splits_lack_is_refused() -> None:
    with pytest.raises(InputError, match="has 1 folds, expected fold 4 too"):
        check_splits([{"train": ["a"], "val": ["b"]}], ["a", "b"], ["0", "4"], Path("splits.json"))


def test_slurm_jobs_run_what_is_left_level_by_level(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    for stage in stages_of(read_campaign(source), Layout(folder)):
        if stage.name in ("link-pretrain", "finetune-nnunet-0"):
            finish(stage)
    assert main(["train", str(source), "-o", str(folder), "--slurm"]) == 0
    # sbatch and bratseg of our own: the first runs the array, the second writes down what it is given
    tools, calls = tmp_path / "tools", tmp_path / "calls"
    tools.mkdir()
    (tools / "sbatch").write_text(
        "#!/bin/bash\n"
        f'echo "sbatch $*" >> {calls}\n'
        'for word in "$@"; do case "$word" in --array=1-*) last="${word#--array=1-}"; last="${last%%%*}";; esac; done\n'
        'for ((task = 1; task <= last; task++)); do SLURM_ARRAY_TASK_ID=$task bash job.sbatch "${@: -1}"; done\n'
        'echo "42;cluster"\n'
    )
    (tools / "bratseg").write_text(f'#!/bin/bash\necho "$*" >> {calls}\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    subprocess.run([folder / "slurm" / "submit.sh", "--partition=gpu"], env=environment, check=True)
    told = calls.read_text().splitlines()
    assert [line for line in told if line.startswith("sbatch")] == [
        "sbatch --parsable --partition=gpu --array=1-7%1 job.sbatch 1-prepare.txt",
        "sbatch --parsable --dependency=afterok:42 --partition=gpu --array=1-2 job.sbatch 2-pretrain.txt",
        "sbatch --parsable --dependency=afterok:42 --partition=gpu --array=1-3 job.sbatch 3-finetune.txt",
    ]
    stages = [line.split("--only ")[1] for line in told if line.startswith("train")]
    assert stages[0] == "fingerprint-pretrain"
    assert stages[-3:] == ["finetune-nnunet-1", "finetune-mednext-0", "finetune-mednext-1"]
    assert "train ../../tiny.toml -o .. --only plan" in told
