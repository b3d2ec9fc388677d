"""The converter: what it takes, what it finds out, and what it refuses to open."""

import collections
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from bratseg.models.description import read_description
from bratseg.models.member import Intensities, MemberDescription, Resampling
from bratseg.weights.convert.model_folder import ModelFolder, convert_model_folder
from bratseg.weights.convert.new_member import NewMember
from bratseg.weights.convert.restricted_reader import load_checkpoint
from bratseg.weights.folder import read_weights
from bratseval.errors import InputError
from factories.foreign_models import CLASSES, dataset, old, plans, random_network, write_checkpoint, write_folder
from factories.places import REFERENCE
from reference.upstream_predictor import made_images, ours, upstream


def convert(
    folder: Path, *, name: str = "nnunet", share: float = 0.4722, source: ModelFolder | None = None, **options: Any
) -> MemberDescription:
    return convert_model_folder(
        source or ModelFolder(folder / "model"), folder / "weights", NewMember(name, share, "CC0", "made"), **options
    )


def write_about(folder: Path, **changes: Any) -> None:
    """A model folder whose dataset.json says something else; one fold."""
    write_folder(folder / "model", plans(), dataset() | changes, folds=1)


def change_plans(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "model" / "plans.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


# What is found out


def test_a_model_folder_becomes_a_verified_member(tmp_path: Path) -> None:
    write_folder(tmp_path / "model", plans("residual", spacing=(2.0, 1.0, 1.0)), dataset(), folds=2)
    written = convert(tmp_path)
    weights = read_weights(tmp_path / "weights")
    (member,) = weights.members
    assert (member.path.name, member.share) == ("nnunet", 0.4722)
    assert member.description == written == read_description(member.path / "member.json")
    assert written.inputs == ("t1n", "t1c", "t2w", "t2f")
    assert written.outputs.labels == ((1, 2, 3), (1, 3), (3,))
    assert written.outputs.paint == (2, 1, 3)
    assert written.preprocessing.spacing_mm == (2.0, 1.0, 1.0)
    assert written.preprocessing.resample_image == Resampling(3, 0, None)
    assert written.mirror_axes == (0, 1, 2)
    assert written.folds == ("fold_0.safetensors", "fold_1.safetensors")
    assert written.provenance["trainer"] == "nnUNetTrainerOfSomebody"  # recorded, never looked up
    files = {path.suffix for path in (tmp_path / "weights").rglob("*") if path.is_file()}
    assert files == {".toml", ".json", ".safetensors"}


def test_labels_of_dataset137_are_mapped_by_its_nested_regions(tmp_path: Path) -> None:
    # nnU-Net's BraTS21 example stores 1 = oedema, 2 = necrosis, 3 = enhancing tumour
    regions = {"background": 0, "whole tumor": [1, 2, 3], "tumor core": [2, 3], "enhancing tumor": [3]}
    write_about(tmp_path, labels=regions, regions_class_order=[1, 2, 3])
    outputs = convert(tmp_path).outputs
    assert outputs.labels == ((1, 2, 3), (1, 3), (3,))
    assert outputs.paint == (2, 1, 3)


def test_labels_of_the_years_before_2023_are_mapped_by_their_nested_regions(tmp_path: Path) -> None:
    # 1 = necrosis, 2 = oedema, 4 = enhancing tumour; here the smallest region comes first
    regions = {"background": 0, "ET": 4, "TC": [1, 4], "WT": [1, 2, 4]}
    write_about(tmp_path, labels=regions, regions_class_order=[4, 1, 2])
    outputs = convert(tmp_path).outputs
    assert outputs.labels == ((3,), (1, 3), (1, 2, 3))
    assert outputs.paint == (3, 1, 2)


def test_single_labels_are_mapped_by_their_names(tmp_path: Path) -> None:
    labels = {"background": 0, "Edema": 1, "Non-Enhancing Tumor Core": 2, "enhancing_tumor": 3}
    write_folder(tmp_path / "model", plans(), dataset("labels") | {"labels": labels}, folds=1)
    written = convert(tmp_path)
    assert written.outputs.kind == "labels"
    assert written.outputs.labels == ((0,), (2,), (1,), (3,))
    assert written.provenance["label_map_reason"] == "by the labels' names"


def test_labels_whose_names_say_nothing_are_taken_as_bratss(tmp_path: Path) -> None:
    labels = {"background": 0, "a": 1, "b": 2, "c": 3}
    write_folder(tmp_path / "model", plans(), dataset("labels") | {"labels": labels}, folds=1)
    assert convert(tmp_path).outputs.labels == ((0,), (1,), (2,), (3,))


def test_a_given_label_map_overrides_names(tmp_path: Path) -> None:
    write_folder(tmp_path / "model", plans(), dataset("labels"), folds=1)
    assert convert(tmp_path, label_map={1: 3, 2: 2, 3: 1}).outputs.labels == ((0,), (3,), (2,), (1,))


def test_channels_are_found_by_name_in_any_order_or_given(tmp_path: Path) -> None:
    write_about(tmp_path, channel_names={"0": "FLAIR", "1": "t2w", "2": "T1Gd", "3": "T1"})
    assert convert(tmp_path).inputs == ("t2f", "t2w", "t1c", "t1n")
    assert convert(tmp_path, channels=("t1n", "t1c", "t2w", "t2f")).inputs == ("t1n", "t1c", "t2w", "t2f")


@pytest.mark.parametrize("network", CLASSES)
def test_plans_of_before_2_3_give_the_same_network(tmp_path: Path, network: str) -> None:
    write_folder(tmp_path / "model", plans(network), dataset(), folds=1)
    new = convert(tmp_path)
    (tmp_path / "model" / "plans.json").write_text(json.dumps(old(plans(network))))
    assert convert(tmp_path, name="old").architecture == new.architecture


def test_plans_of_before_2_3_are_read_as_upstream_reads_plain_ones(tmp_path: Path) -> None:
    write_folder(tmp_path / "model", plans(), dataset(), folds=1)
    (tmp_path / "model" / "plans.json").write_text(json.dumps(old(plans())))
    with pytest.warns(UserWarning, match="old nnU-Net plans format"):
        theirs = PlansManager(old(plans())).get_configuration("3d_fullres").network_arch_init_kwargs
    assert convert(tmp_path).architecture == {"class": "PlainConvUNet", "kwargs": theirs}


def test_a_configuration_inherits_what_it_does_not_say(tmp_path: Path) -> None:
    write_folder(tmp_path / "model", plans(), dataset(), folds=1)

    def inherit(content: dict[str, Any]) -> None:
        content["configurations"]["mine"] = {"inherits_from": "3d_fullres", "patch_size": [48, 32, 32]}

    change_plans(tmp_path, inherit)
    checkpoint = tmp_path / "model" / "fold_0" / "checkpoint_final.pth"
    weights = random_network(plans(), 3, 0).state_dict()
    write_checkpoint(checkpoint, weights, init_args={"configuration": "mine"})
    written = convert(tmp_path)
    assert written.patch_size == (48, 32, 32)
    assert written.preprocessing.spacing_mm == (1.0, 1.0, 1.0)


def test_torch_resampling_is_linear_resampling(tmp_path: Path) -> None:
    write_folder(tmp_path / "model", plans(), dataset(), folds=1)

    def use_torch(content: dict[str, Any]) -> None:
        configuration = content["configurations"]["3d_fullres"]
        configuration["resampling_fn_data"] = "resample_torch_fornnunet"
        configuration["resampling_fn_data_kwargs"] = {"is_seg": False, "force_separate_z": False}

    change_plans(tmp_path, use_torch)
    assert convert(tmp_path).preprocessing.resample_image == Resampling(1, 0, False)


def test_ct_normalisation_keeps_what_it_knows_of_the_training_data(tmp_path: Path) -> None:
    write_folder(tmp_path / "model", plans(), dataset(), folds=1)
    known = {"mean": 1.0, "std": 2.0, "percentile_00_5": -3.0, "percentile_99_5": 4.0, "median": 1.0}

    def use_ct(content: dict[str, Any]) -> None:
        content["configurations"]["3d_fullres"]["normalization_schemes"][2] = "CTNormalization"
        content["foreground_intensity_properties_per_channel"]["2"] = known

    change_plans(tmp_path, use_ct)
    written = convert(tmp_path)
    assert written.preprocessing.normalization[2].intensities == Intensities(1.0, 2.0, -3.0, 4.0)
    assert read_description(tmp_path / "weights" / "nnunet" / "member.json") == written


def test_a_second_member_joins_the_first_and_one_of_the_same_name_replaces_it(tmp_path: Path) -> None:
    write_folder(tmp_path / "model", plans(), dataset(), folds=2)
    convert(tmp_path)
    convert(tmp_path, name="other", share=0.5)
    convert(tmp_path, share=0.25, source=ModelFolder(tmp_path / "model", ["1"]))
    members = {member.path.name: member for member in read_weights(tmp_path / "weights").members}
    assert {name: member.share for name, member in members.items()} == {"other": 0.5, "nnunet": 0.25}
    assert members["nnunet"].description.folds == ("fold_1.safetensors",)


# What is refused, by name


def set_configuration(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["configurations"]["3d_fullres"].update(changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_configuration(patch_size=[64, 64]), "2-D configuration"),
        (set_configuration(previous_stage="3d_lowres"), "cascade"),
        (set_configuration(inherits_from="3d_fullres"), "no usable configuration"),
        (set_configuration(preprocessor_name="MyPreprocessor"), "MyPreprocessor"),
        (set_configuration(normalization_schemes=["MyScheme"] * 4), "MyScheme"),
        (set_configuration(resampling_fn_data="no_resampling_hack"), "no_resampling_hack"),
        (set_configuration(spacing=None), "does not describe the preprocessing"),
        (set_configuration(architecture={"network_class_name": "my.Net", "arch_kwargs": {}}), "my.Net"),
        (lambda content: content.update(image_reader_writer="NaturalImage2DIO"), "NaturalImage2DIO"),
        (lambda content: content.update(label_manager="MyLabels"), "MyLabels"),
        (lambda content: content["configurations"].pop("3d_fullres"), "no usable configuration 3d_fullres"),
        (
            lambda content: content["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"].update(
                conv_op="os.system"
            ),
            "names the class os.system",
        ),
        (
            lambda content: content["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"].update(
                features_per_stage=[8, 16, 32]
            ),
            "does not fit its network",
        ),
        (
            lambda content: content["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"].update(
                features_per_stage=[8]
            ),
            "makes no PlainConvUNet",
        ),
        (
            lambda content: content["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"].update(magic=1),
            "no keyword magic",
        ),
    ],
)
def test_plans_that_need_code_of_their_own_are_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    write_folder(tmp_path / "model", plans(), dataset(), folds=1)
    change_plans(tmp_path, change)
    with pytest.raises(InputError, match=message):
        convert(tmp_path)
    assert not (tmp_path / "weights" / "nnunet").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channel_names": {"0": "PET", "1": "T1ce", "2": "T2", "3": "Flair"}}, "--channels"),
        ({"channel_names": {"0": "T1", "1": "T1", "2": "T2", "3": "Flair"}}, "--channels"),
        ({"regions_class_order": [1]}, "regions_class_order"),
        ({"labels": {"background": 0, "lesion": 1, "edema": 2, "x": 3}, "regions_class_order": None}, "--label-map"),
        ({"labels": {"background": 0, "a": "1"}}, "expected an integer"),
        ({"labels": None}, "no table of labels"),
        ({"labels": {"background": 0, "a": [1, 2], "b": [3, 4]}, "regions_class_order": [1, 2]}, "--label-map"),
    ],
)
def test_a_dataset_that_does_not_say_what_it_means_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    write_about(tmp_path, **changes)
    with pytest.raises(InputError, match=message):
        convert(tmp_path)


def test_folds_that_are_not_there_are_refused(tmp_path: Path) -> None:
    write_folder(tmp_path / "model", plans(), dataset(), folds=1)
    with pytest.raises(InputError, match="fold_3"):
        convert(tmp_path, source=ModelFolder(tmp_path / "model", ["0", "3"]))
    with pytest.raises(InputError, match="checkpoint_best"):
        convert(tmp_path, source=ModelFolder(tmp_path / "model", checkpoint="checkpoint_best.pth"))


def test_folds_of_different_configurations_are_refused(tmp_path: Path) -> None:
    networks = write_folder(tmp_path / "model", plans(), dataset())
    checkpoint = tmp_path / "model" / "fold_1" / "checkpoint_final.pth"
    write_checkpoint(checkpoint, networks[1].state_dict(), init_args={"configuration": "3d_lowres"})
    with pytest.raises(InputError, match="another configuration"):
        convert(tmp_path)


@pytest.mark.parametrize("name", ["../out", "", ".hidden", "a/b"])
def test_a_member_is_written_nowhere_but_in_its_folder(tmp_path: Path, name: str) -> None:
    write_folder(tmp_path / "model", plans(), dataset(), folds=1)
    with pytest.raises(InputError, match="--name"):
        convert(tmp_path, name=name)


# What is never run


class Trap:
    """A pickle of this runs a command when it is opened."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.witness}'",)


def malicious_torch(path: Path, witness: Path) -> None:
    torch.save({"network_weights": {}, "init_args": Trap(witness)}, path)


def malicious_legacy(path: Path, witness: Path) -> None:
    torch.save({"network_weights": Trap(witness)}, path, _use_new_zipfile_serialization=False)


def malicious_pickle(path: Path, witness: Path) -> None:
    path.write_bytes(pickle.dumps(Trap(witness)))


def malicious_protocol_4(path: Path, witness: Path) -> None:
    buffer = io.BytesIO()
    torch.save({}, buffer)
    with zipfile.ZipFile(buffer) as good, zipfile.ZipFile(path, "w") as bad:
        for name in good.namelist():
            data = pickle.dumps(Trap(witness), protocol=4) if name.endswith("data.pkl") else good.read(name)
            bad.writestr(name, data)


@pytest.mark.parametrize("write", [malicious_torch, malicious_legacy, malicious_pickle, malicious_protocol_4])
def test_a_checkpoint_that_would_run_code_is_refused_and_runs_nothing(
    tmp_path: Path, write: Callable[[Path, Path], None]
) -> None:
    write_folder(tmp_path / "model", plans(), dataset(), folds=1)
    checkpoint, witness = tmp_path / "model" / "fold_0" / "checkpoint_final.pth", tmp_path / "ran"
    write(checkpoint, witness)
    with pytest.raises(InputError, match=r"checkpoint_final\.pth") as caught:
        convert(tmp_path)
    assert not witness.exists()
    assert not (tmp_path / "weights" / "nnunet").exists()
    if write is malicious_torch:
        assert "posix.system" in str(caught.value)


def test_the_trap_of_these_tests_would_run_if_it_were_opened(tmp_path: Path) -> None:
    malicious_pickle(tmp_path / "trap.pth", tmp_path / "ran")
    pickle.loads((tmp_path / "trap.pth").read_bytes())  # noqa: S301 - the point of the test
    assert (tmp_path / "ran").exists()


def test_any_other_class_than_tensors_and_scalars_is_refused_by_its_name(tmp_path: Path) -> None:
    torch.save({"network_weights": {}, "logging": collections.deque([1])}, tmp_path / "odd.pth")
    with pytest.raises(InputError, match=r"odd\.pth: names collections\.deque"):
        load_checkpoint(tmp_path / "odd.pth")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 torn"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "torn.pth").write_bytes(content)
    with pytest.raises(InputError, match=r"torn\.pth"):
        load_checkpoint(tmp_path / "torn.pth")
    with pytest.raises(InputError, match="is not there"):
        load_checkpoint(tmp_path / "absent.pth")


def test_a_truncated_checkpoint_is_named(tmp_path: Path) -> None:
    torch.save({"network_weights": {"a": torch.zeros(100)}}, tmp_path / "whole.pth")
    (tmp_path / "half.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:300])
    with pytest.raises(InputError, match=r"half\.pth"):
        load_checkpoint(tmp_path / "half.pth")


def test_a_torch_with_known_holes_is_not_used_to_open_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "__version__", "2.9.1")
    with pytest.raises(InputError, match=r"expected 2\.10 or newer"):
        load_checkpoint(tmp_path / "any.pth")


# What upstream itself wrote


@pytest.mark.slow  # nnU-Net plans, preprocesses and trains
def test_a_checkpoint_of_upstreams_own_trainer_converts_and_predicts_the_same(tmp_path: Path) -> None:
    folders = {f"nnUNet_{what}": str(tmp_path / what) for what in ("raw", "preprocessed", "results")}
    environment = os.environ | folders | {"nnUNet_def_n_proc": "1", "nnUNet_compile": "f", "OMP_NUM_THREADS": "1"}
    script = REFERENCE / "upstream_training.py"
    child = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr[-2000:]
    (source,) = (tmp_path / "results").glob("Dataset001_Made/nnUNetTrainer__*")
    made_plans, made_dataset = (json.loads((source / f"{what}.json").read_text()) for what in ("plans", "dataset"))
    images, spacing = made_images((26, 28, 24)), (1.0, 1.0, 1.0)
    probabilities, description = ours(source, tmp_path / "weights", images, spacing, mirroring=False)
    assert description.provenance["trainer"] == "nnUNetTrainer"
    network = upstream_network(made_plans)
    network.load_state_dict(load_checkpoint(source / "fold_0" / "checkpoint_final.pth")["network_weights"])
    _, expected = upstream([network], made_plans, made_dataset, images, spacing, mirroring=False)
    assert np.abs(probabilities - expected).max() <= 1e-3


def upstream_network(made_plans: dict[str, Any]) -> torch.nn.Module:
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    manager = PlansManager(made_plans)
    configuration = manager.get_configuration("3d_fullres")
    return nnUNetTrainer.build_network_architecture(manager, configuration, 4, 3, enable_deep_supervision=False)
