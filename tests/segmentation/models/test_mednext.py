"""MedNeXt: official and wild checkpoints become members that compute what the official network computes."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bratseg.inference.preprocessing import preprocess, restore, to_probabilities
from bratseg.inference.sliding_window import sliding_window
from bratseg.models.member import MedNeXtArchitecture, MemberDescription
from bratseg.models.networks import build_mednext
from bratseg.models.stored_tensors import check_fit, stored_state
from bratseg.models.torch_engine import load_member
from bratseg.weights.convert.checkpoint import find_weights
from bratseg.weights.convert.mednext_checkpoints import convert_checkpoints
from bratseg.weights.convert.mednext_keys import topology_of
from bratseg.weights.convert.model_folder import ModelFolder, convert_model_folder
from bratseg.weights.convert.new_member import NewMember
from bratseg.weights.folder import read_weights
from bratseval.errors import InputError
from bratseval.files.nifti import read_image
from factories.foreign_models import dataset, plans, write_checkpoint
from factories.places import REAL_CASE
from reference.official_mednext import SIZES, State, official_forward, official_state

LOG = logging.getLogger(__name__)  # pytest --log-cli-level=INFO shows the figures
GEOMETRY = {
    "inputs": ["t1n", "t1c", "t2w", "t2f"],
    "outputs": {"kind": "regions", "labels": [[1, 2, 3], [1, 3], [3]], "paint": [2, 1, 3]},
    "patch_size": [32, 32, 32],
}


def geometry(folder: Path, **changes: object) -> Path:
    path = folder / "geometry.json"
    path.write_text(json.dumps(GEOMETRY | changes))
    return path


def v1_checkpoint(path: Path, state: State) -> Path:
    """A checkpoint with what nnU-Net v1, and so the official MedNeXt package, puts beside the weights."""
    scalars = ([np.float64(0.1)], [np.float32(0.2)], [], [])
    content = {"epoch": 1, "state_dict": state, "optimizer_state_dict": None, "lr_scheduler_state_dict": None}
    torch.save(content | {"plot_stuff": scalars, "best_stuff": (None, np.float64(1), None)}, path)
    return path


def convert(folder: Path, sources: list[Path], **changes: object) -> MemberDescription:
    member = NewMember("mednext", 0.5278, "none", "made")
    return convert_checkpoints(sources, folder / "weights", member, sidecar=geometry(folder, **changes))


def wide_awake(state: State) -> State:
    """The same network with a louder head, so that probabilities spread over 0 to 1."""
    return state | {"out_0.conv_out.weight": 3 * state["out_0.conv_out.weight"]}


def official(name: str) -> str:
    return name


# Names in checkpoints in the wild, from the official ones.
WRAPPINGS: dict[str, Callable[[str], str]] = {
    "official": official,
    "data parallel": lambda name: f"module.{name}",
    "compiled": lambda name: f"_orig_mod.{name}",
    "compiled and data parallel": lambda name: f"module._orig_mod.{name}",
    "split": lambda name: f"{'encoder' if name.startswith(('stem', 'enc_', 'down_')) else 'decoder'}.{name}",
}


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", SIZES)
def test_official_tensors_of_every_size_fit_exactly(size: str, kernel: int, tmp_path: Path) -> None:
    with torch.device("meta"):  # names and shapes; L has 62 million values
        found = {name: torch.zeros_like(tensor) for name, tensor in official_state(size, kernel).items()}
    state = find_weights({name: torch.zeros(tensor.shape) for name, tensor in found.items()}, tmp_path).state
    architecture, inputs, outputs = topology_of(state, tmp_path)
    assert architecture == MedNeXtArchitecture(32, kernel, *SIZES[size])
    assert (inputs, outputs) == (4, 3)
    with torch.device("meta"):
        check_fit(build_mednext(architecture, inputs, outputs), state, tmp_path)


def test_mednext_m_has_the_official_number_of_parameters() -> None:
    with torch.device("meta"):
        network = build_mednext(MedNeXtArchitecture(32, 3, *SIZES["M"]), 4, 3)
    # the official class without deep supervision counts 17,549,092 with its dummy tensor of one
    assert sum(tensor.numel() for tensor in stored_state(network).values()) == 17_549_091


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Sums in the same order on every machine: how torch rounds depends on how many threads share the work."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("heads", [True, False])
def test_checkpoints_in_the_wild_compute_the_same(tmp_path: Path, wrapping: str, heads: bool) -> None:
    state = official_state("B", 3, channels=4, heads=heads)
    renamed = {WRAPPINGS[wrapping](name): tensor for name, tensor in state.items()}
    torch.save({"state_dict": renamed}, tmp_path / "some.pth")
    convert(tmp_path, [tmp_path / "some.pth"])
    image = torch.randn(1, 4, 32, 32, 32)
    member = load_member(tmp_path / "weights" / "mednext", device="cpu", mirroring=False)
    np.testing.assert_allclose(member.predict(image[0].numpy()), official_forward(state, image)[0], atol=1e-4)


def test_monai_names_and_safetensors_are_taken_as_they_are(tmp_path: Path) -> None:
    network = build_mednext(MedNeXtArchitecture(4, 3, *SIZES["S"]), 4, 3).eval()
    save_file(stored_state(network), tmp_path / "hub.safetensors")
    convert(tmp_path, [tmp_path / "hub.safetensors"])
    member = load_member(tmp_path / "weights" / "mednext", device="cpu", mirroring=False)
    image = torch.randn(1, 4, 32, 32, 32)
    with torch.inference_mode():
        expected = network(image)[0].numpy()
    np.testing.assert_allclose(member.predict(image[0].numpy()), expected, atol=1e-4)


def test_a_v1_checkpoint_of_mednext_m_equals_the_official_arithmetic(tmp_path: Path) -> None:
    """From a piece of a real case, or noise where there is none, to probabilities: one tile, no mirrors."""
    state = official_state("M", 3)  # as loud as it is: its probabilities spread, and rounding is not made larger
    convert(tmp_path, [v1_checkpoint(tmp_path / "model_final_checkpoint.model", state)])
    (entry,) = read_weights(tmp_path / "weights").members
    assert entry.description.fold_mean == "probabilities"  # nnU-Net v1's way
    folder = REAL_CASE
    images = np.random.default_rng(0).normal(300, 80, (4, 32, 32, 32)).astype(np.float32)
    if folder.is_dir():
        paths = [next(folder.glob(f"*-{modality}.nii.gz")) for modality in GEOMETRY["inputs"]]
        images = np.stack([read_image(path).voxels.transpose(2, 1, 0)[50:82, 50:82, 60:92] for path in paths])
    prepared = preprocess(images, (1.0, 1.0, 1.0), entry.description.preprocessing)
    member = load_member(entry.path, device="cpu", mirroring=False)
    outputs = sliding_window(member, prepared.data, step=0.5)
    probabilities = to_probabilities(restore(outputs, prepared), entry.description, prepared)
    padded = np.pad(prepared.data, [(0, 0), *(((32 - n) // 2, (33 - n) // 2) for n in prepared.data.shape[1:])])
    expected = torch.sigmoid(official_forward(state, torch.from_numpy(padded)[None]))[0].numpy()
    z, y, x = ((32 - n) // 2 for n in prepared.data.shape[1:])
    expected = expected[:, z:, y:, x:][:, : outputs.shape[1], : outputs.shape[2], : outputs.shape[3]]
    assert expected.std() > 0.1
    difference = np.abs(probabilities[(slice(None), *prepared.crop)] - expected).max()
    LOG.info(f"MedNeXt-M k3: largest difference of probabilities {difference:.2e} in {expected[0].size} voxels")
    assert difference <= 1e-3


@pytest.mark.parametrize("kind", ["regions", "labels"])
def test_v1_averages_probabilities_over_folds_and_mirrors(tmp_path: Path, kind: str) -> None:
    outputs = GEOMETRY["outputs"] if kind == "regions" else {"kind": "labels", "labels": [[0], [1], [2], [3]]}
    count = 3 if kind == "regions" else 4
    states = [wide_awake(official_state("S", 3, channels=4, outputs=count)) for _ in range(2)]
    states[1] = {name: tensor.flip(0) for name, tensor in states[1].items()}
    paths = [v1_checkpoint(tmp_path / f"fold_{fold}.model", state) for fold, state in enumerate(states)]
    convert(tmp_path, paths, outputs=outputs, mirror_axes=[2])
    image = torch.randn(1, 4, 32, 32, 32)
    nonlinearity = torch.sigmoid if kind == "regions" else (lambda logits: torch.softmax(logits, 1))
    # by hand: two folds, each as it is and flipped along x and back
    parts = [nonlinearity(official_forward(state, image)) for state in states]
    parts += [nonlinearity(official_forward(state, image.flip(4))).flip(4) for state in states]
    member = load_member(tmp_path / "weights" / "mednext", device="cpu", mirroring=True)
    np.testing.assert_allclose(member.predict(image[0].numpy()), torch.cat(parts).mean(0), atol=1e-4)


def test_a_mednext_trained_inside_nnunet_v2_takes_its_recipe_from_the_plans(tmp_path: Path) -> None:
    source = tmp_path / "model"
    source.mkdir()
    (source / "plans.json").write_text(json.dumps(plans(spacing=(2.0, 1.0, 1.0))))  # they still name a U-Net
    (source / "dataset.json").write_text(json.dumps(dataset()))
    state = official_state("S", 3, channels=4)
    write_checkpoint(source / "fold_all" / "checkpoint_final.pth", state, trainer_name="nnUNetTrainerMedNeXt")
    member = NewMember("mednext", 1, "none", "made")
    description = convert_model_folder(ModelFolder(source), tmp_path / "weights", member)
    assert description.network == "mednext"
    assert description.architecture == MedNeXtArchitecture(4, 3, *SIZES["S"])
    assert description.preprocessing.spacing_mm == (2.0, 1.0, 1.0)
    assert description.fold_mean == "logits"
    assert description.folds == ("fold_all.safetensors",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: {n: t for n, t in state.items() if "res_conv" not in n}, "residual connection"),
        (lambda state: state | {"enc_block_0.0.grn_beta": torch.zeros(1)}, "global response normalisation"),
        (lambda state: {n: t for n, t in state.items() if not n.startswith("bottleneck")}, "bottleneck"),
        (lambda state: state | {"down_1.extra": torch.zeros(1)}, "down_blocks.1.extra is left over"),
        (lambda state: state | {"up_0.conv3.bias": torch.zeros(9)}, "up_blocks.3.conv3.bias has shape"),
        (lambda state: state | {"stem.bias": torch.full((4,), torch.nan)}, "not finite"),
        (lambda _: {"encoder.stages.0.weight": torch.zeros(1)}, "holds no MedNeXt"),
    ],
)
def test_networks_that_only_look_like_mednext_are_refused(
    tmp_path: Path, change: Callable[[State], State], message: str
) -> None:
    torch.save(change(official_state("S", 3, channels=4)), tmp_path / "odd.pth")
    with pytest.raises(InputError, match=message):
        convert(tmp_path, [tmp_path / "odd.pth"])
    assert not (tmp_path / "weights" / "manifest.toml").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": ["t1n"]}, "expected the checkpoint's 4 and 3"),
        ({"patch_size": [32, 32, 24]}, "multiples of 16"),
        ({"colour": "blue"}, "unknown keys"),
        ({"outputs": {"kind": "labels", "labels": [[1], [2], [3]]}}, "background"),
    ],
)
def test_a_geometry_that_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    torch.save(official_state("S", 3, channels=4), tmp_path / "some.pth")
    with pytest.raises(InputError, match=message):
        convert(tmp_path, [tmp_path / "some.pth"], **changes)
