"""A tiny campaign through upstream's trainers: killed, started again, packed, run."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bratseg.cli import main
from bratseg.phantoms import make_phantom, write_phantom
from bratseg.training.campaign import read_campaign
from bratseg.training.layout import Layout
from bratseg.training.running import child_environment
from bratseg.training.stages import stages_of
from bratseg.weights.convert.restricted_reader import load_checkpoint
from bratseg.weights.folder import read_manifest, read_weights
from bratseval.files.cases import find_cases
from factories.campaign_text import TINY
from factories.places import REFERENCE

pytestmark = pytest.mark.slow  # a campaign is trained, killed twice and trained on

SHAPE, SPACING = (33, 41, 31), (5.0, 5.0, 5.0)
PATIENCE_S = 900  # of a loaded machine


def start(folder: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "bratseg.cli", "train", str(folder / "tiny.toml"), *arguments]
    return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE)


def children_of(pid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


def wait_until(true: Callable[[], bool], process: "subprocess.Popen[bytes] | None" = None) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert process is None or process.poll() is None, process.communicate()[1].decode()
        assert time.monotonic() < end
        time.sleep(0.1)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The campaign's folder after both kills, with pretraining and fold 0 of both networks done."""
    root = tmp_path_factory.mktemp("campaign")
    for domain, first, count in (("GLI", 950_000, 2), ("SSA", 960_000, 3)):
        for seed in range(first, first + count):
            write_phantom(
                root / domain, f"BraTS-{domain}-{seed}-000", make_phantom(seed, shape=SHAPE, spacing_mm=SPACING)
            )
    names = [case.id for case in find_cases(root / "SSA").cases]
    folds = [{"train": names[:2], "val": names[2:]}, {"train": names[1:], "val": names[:1]}]
    (root / "splits.json").write_text(json.dumps(folds), "utf-8")
    (root / "tiny.toml").write_text(TINY, "utf-8")
    layout = Layout(root / "tiny")

    # while a dataset is read: a kill that leaves no time to tidy up
    process = start(root)
    log = layout.log("fingerprint-pretrain")
    wait_until(log.exists, process)
    (child,) = children_of(process.pid)
    process.kill()
    process.wait()
    wait_until(lambda: not alive(child))  # it does not outlive its parent
    assert not (layout.preprocessed("pretrain") / "fingerprinted.json").exists()

    # in the middle of a training: as Slurm or a shell ends it
    process = start(root)
    history = layout.fold("pretrain", "nnunet", "all") / "history.json"
    wait_until(history.exists, process)
    (child,) = children_of(process.pid)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 128 + signal.SIGTERM
    assert not alive(child)

    only = ["splits", "pretrain", "finetune-nnunet-0", "finetune-mednext-0", "preprocess"]
    process = start(root, "--only", *only)
    assert process.wait() == 0, process.communicate()[1].decode()
    return layout.folder


@pytest.fixture(scope="module")
def weights(campaign: Path) -> Path:
    target = campaign.parent / "weights"
    pack = ["weights", "pack", str(campaign), "-o", str(target), "--licence", "Apache-2.0", "--folds", "0"]
    assert main(pack) == 0
    return target


def test_stages_that_were_done_are_not_run_again(campaign: Path) -> None:
    layout = Layout(campaign)
    starts = {log.stem: log.read_text("utf-8").count("== ") for log in (campaign / "logs").iterdir()}
    assert starts["link-pretrain"] == 1
    assert starts["fingerprint-pretrain"] == 2  # killed once
    assert starts["pretrain-nnunet-all"] == 2
    assert starts["pretrain-mednext-all"] == 1
    assert layout.curves.read_bytes().startswith(b"\x89PNG")


def test_a_training_goes_on_where_it_was_killed(campaign: Path) -> None:
    layout = Layout(campaign)
    log = layout.log("pretrain-nnunet-all").read_text("utf-8")
    assert "going on after epoch" in log
    history = json.loads((layout.fold("pretrain", "nnunet", "all") / "history.json").read_text("utf-8"))
    assert [row["epoch"] for row in history] == [0, 1, 2]
    # poly, exponent 0.9: 0.01 * (1 - epoch / 3) ** 0.9
    assert [row["learning_rate"] for row in history] == pytest.approx([0.01, 0.006943, 0.003720], rel=1e-3)


def test_cases_are_linked_not_copied_and_keep_their_labels(campaign: Path) -> None:
    raw = Layout(campaign).raw("finetune")
    links = list((raw / "imagesTr").iterdir()) + list((raw / "labelsTr").iterdir())
    assert len(links) == 3 * 5
    assert all(link.is_symlink() and link.resolve().is_file() for link in links)
    t1c = next((raw / "imagesTr").glob("*960000*_0001.nii.gz"))
    assert t1c.resolve().name == "BraTS-SSA-960000-000-t1c.nii.gz"
    about = json.loads((raw / "dataset.json").read_text("utf-8"))
    assert about["channel_names"] == {"0": "t1n", "1": "t1c", "2": "t2w", "3": "t2f"}
    assert about["labels"] == {"background": 0, "WT": [1, 2, 3], "TC": [1, 3], "ET": [3]}
    assert about["regions_class_order"] == [2, 1, 3]


def test_both_domains_and_both_networks_share_one_plan(campaign: Path) -> None:
    layout = Layout(campaign)
    plans = {
        domain: json.loads((layout.preprocessed(domain) / "bratsegPlans.json").read_text("utf-8"))
        for domain in ("pretrain", "finetune")
    }
    assert plans["pretrain"]["configurations"] == plans["finetune"]["configurations"]
    full = plans["finetune"]["configurations"]["3d_fullres"]
    assert full["patch_size"] == [16, 32, 16]
    # 16 voxels are halved twice, to 4; upstream halves one edge alone from 12 voxels on, and of 32 there are 8 left
    assert full["architecture"]["arch_kwargs"]["strides"] == [[1, 1, 1], [2, 2, 2], [2, 2, 2]]
    assert full["architecture"]["arch_kwargs"]["features_per_stage"] == [4, 8, 8]
    assert plans["finetune"]["configurations"]["mednext"]["inherits_from"] == "3d_fullres"


@pytest.mark.parametrize("network", ["nnunet", "mednext"])
def test_fine_tuning_starts_from_all_pretrained_tensors_heads_included(campaign: Path, network: str) -> None:
    layout = Layout(campaign)
    pretrained, finetuned = (
        load_checkpoint(layout.fold(domain, network, fold) / "checkpoint_final.pth")["network_weights"]
        for domain, fold in (("pretrain", "all"), ("finetune", "0"))
    )
    heads = [name for name in pretrained if ".seg_layers." in name or "out_0" in name or "out_blocks" in name]
    assert len(heads) >= 2
    assert set(pretrained) == set(finetuned)
    # the campaign fine-tunes with a learning rate of 1e-12: nothing that is carried over can change
    for name, tensor in pretrained.items():
        assert torch.allclose(finetuned[name], tensor, rtol=0, atol=1e-7), name


def test_mednext_is_trained_by_its_own_optimiser(campaign: Path) -> None:
    path = Layout(campaign).fold("pretrain", "mednext", "all") / "checkpoint_final.pth"
    (group,) = load_checkpoint(path)["optimizer_state"]["param_groups"]
    assert (group["weight_decay"], group["eps"], "momentum" in group) == (3e-5, 1e-4, False)
    path = Layout(campaign).fold("pretrain", "nnunet", "all") / "checkpoint_final.pth"
    (group,) = load_checkpoint(path)["optimizer_state"]["param_groups"]
    assert (group["weight_decay"], group["momentum"], group["nesterov"]) == (3e-5, 0.99, True)


def test_packed_weights_verify_and_say_where_they_come_from(weights: Path) -> None:
    read = read_weights(weights)
    assert {entry.path.name: entry.share for entry in read.members} == {"nnunet": 0.4722, "mednext": 0.5278}
    assert all(entry.description.outputs.paint == (2, 1, 3) for entry in read.members)
    provenance = json.loads((weights / "provenance.json").read_text("utf-8"))
    assert provenance["data"]["finetune"]["cases"] == 3
    assert len(provenance["splits"]["finetune"]) == 2
    assert provenance["campaign"]["settings"]["pretrain"]["epochs"] == 3
    assert set(provenance["scores"]) == {"nnunet-0", "mednext-0"}
    assert provenance["versions"]["nnunetv2"]
    assert str(weights.parent) not in (weights / "provenance.json").read_text("utf-8")  # no path of this machine


def test_infer_runs_packed_weights(weights: Path, campaign: Path, tmp_path: Path) -> None:
    cases = campaign.parent / "SSA"
    assert main(["infer", "-i", str(cases), "-o", str(tmp_path), "--weights", str(weights), "--device", "cpu"]) == 0
    assert len(list(tmp_path.glob("BraTS-SSA-*.nii.gz"))) == 3


def test_tuning_gives_the_shares_and_a_share_of_nothing_leaves_a_network_out(campaign: Path, tmp_path: Path) -> None:
    tuning, target = tmp_path / "tuning", tmp_path / "weights"
    tuning.mkdir()
    (tuning / "tuning.json").write_text(json.dumps({"shares": {"members": {"nnunet": 0, "mednext": 1.0}}}), "utf-8")
    pack = ["weights", "pack", str(campaign), "-o", str(target), "--licence", "Apache-2.0", "--folds", "0"]
    assert main([*pack, "--tuning", str(tuning)]) == 0
    assert read_manifest(target).shares == (("mednext", 1.0),)
    (tuning / "tuning.json").write_text(json.dumps({"shares": {"members": {"nnunet": 1.0}}}), "utf-8")
    assert main([*pack, "--tuning", str(tuning)]) == 3  # another campaign's
    assert read_manifest(target).shares == (("mednext", 1.0),)  # and nothing was lost


def test_what_is_not_trained_is_not_packed(campaign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack = ["weights", "pack", str(campaign), "-o", str(tmp_path / "weights"), "--licence", "Apache-2.0"]
    assert main(pack) == 3
    assert "finetune-mednext-1 is not done" in capsys.readouterr().err
    assert not (tmp_path / "weights").exists()


def test_a_stage_whose_needs_are_not_done_is_refused(campaign: Path, tmp_path: Path) -> None:
    source, other = campaign.parent / "tiny.toml", str(tmp_path / "other")
    assert main(["train", str(source), "-o", other, "--only", "plan"]) == 3


def test_a_failed_stage_names_its_log_and_shows_its_end(
    campaign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tiny.toml").write_text(TINY.replace('"GLI"', '"nowhere"'), "utf-8")
    assert main(["train", str(tmp_path / "tiny.toml"), "--only", "link-pretrain"]) == 1
    shown = capsys.readouterr().err
    assert "link-pretrain.log: link-pretrain ended with exit code 2" in shown
    assert "nowhere: is not a folder" in shown


def test_two_processes_train_together_and_one_of_them_writes(campaign: Path) -> None:
    source, layout = campaign.parent / "tiny.toml", Layout(campaign)
    read = read_campaign(source)
    stage = next(stage for stage in stages_of(read, layout) if stage.name == "finetune-nnunet-1")
    with socket.socket() as probe:
        probe.bind(("", 0))
        port = str(probe.getsockname()[1])
    script = REFERENCE / "ddp_on_cpu.py"
    done = subprocess.run(
        [sys.executable, script, source, campaign, stage.name, port],
        env={**child_environment(layout, stage, read, os.environ), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "I am local rank 1" in done.stdout
    checkpoint = load_checkpoint(stage.product)
    assert checkpoint["current_epoch"] == 1
    pretrained = load_checkpoint(layout.fold("pretrain", "nnunet", "all") / "checkpoint_final.pth")
    assert set(checkpoint["network_weights"]) == set(pretrained["network_weights"])  # no "module." before any name
    assert len(json.loads((stage.product.parent / "history.json").read_text("utf-8"))) == 1
