"""The engine: devices by name, averaging, and stepping down when memory runs out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bratseg.models.member import OutOfDeviceMemory, Outputs
from bratseg.models.torch_engine import TorchMember, load_member, resolve_device
from bratseg.weights.convert.model_folder import ModelFolder, convert_model_folder
from bratseg.weights.convert.new_member import NewMember
from bratseval.errors import InputError
from factories.foreign_models import dataset, plans, write_folder
from factories.members import description

PATCH = np.random.default_rng(0).normal(size=(1, 2, 2, 2)).astype(np.float32)
ONE = replace(description(Outputs("regions", ((1, 2, 3),), (2,))), inputs=("t1n",))


class Ramp(torch.nn.Module):
    """Adds the position along x to the image, times a factor: a network that mirrors can be told from."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(float(factor)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.factor * torch.arange(x.shape[-1])


class Full(torch.nn.Module):
    """A network for which the device has no memory."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError(self.words)


def test_logits_are_averaged_over_folds_and_mirrors() -> None:
    member = TorchMember("m", ONE, [Ramp(2), Ramp(4)], "cpu", (2,))
    # folds: 2 and 4 times (0, 1), mean (0, 3); mirrored and back (3, 0); mean of both 1.5
    np.testing.assert_allclose(member.predict(PATCH), PATCH + 1.5, rtol=1e-6)


def test_probabilities_are_averaged_after_the_sigmoid() -> None:
    member = TorchMember("m", replace(ONE, fold_mean="probabilities"), [Ramp(0), Ramp(6)], "cpu", ())
    zero = np.zeros((1, 1, 1, 2), dtype=np.float32)
    # sigmoid(0) = 0.5 everywhere; the second fold says sigmoid(6) = 0.99753 at x = 1
    np.testing.assert_allclose(member.predict(zero).ravel(), [0.5, (0.5 + 0.9975274) / 2], rtol=1e-6)


def test_all_subsets_of_the_mirror_axes_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    member = TorchMember("m", ONE, [Ramp(0)], "cpu", (0, 1, 2))
    flip = torch.flip
    monkeypatch.setattr(torch, "flip", lambda x, axes: seen.append(axes) or flip(x, axes))
    member.predict(PATCH)
    assert set(seen) == {(), (2,), (3,), (4,), (2, 3), (2, 4), (3, 4), (2, 3, 4)}


def test_mirroring_is_left_out_unless_it_is_asked_for(tmp_path: Path) -> None:
    write_folder(tmp_path / "model", plans(), dataset(), folds=1)
    convert_model_folder(ModelFolder(tmp_path / "model"), tmp_path / "weights", NewMember("nnunet", 1, "none", "made"))
    patch = np.random.default_rng(1).normal(size=(4, 32, 32, 32)).astype(np.float32)
    plain, mirrored = (
        load_member(tmp_path / "weights" / "nnunet", device="cpu", mirroring=mirroring).predict(patch)
        for mirroring in (False, True)
    )
    assert plain.shape == (3, 32, 32, 32)
    assert np.abs(plain - mirrored).max() > 0.01


def test_a_full_device_steps_down_to_one_fold_then_to_the_cpu_then_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    member = TorchMember("nnunet", ONE, [Ramp(2), Ramp(4)], "cuda:1", ())
    assert member.step_down() == "nnunet keeps one fold at a time on cuda:1"
    assert member.step_down() == "nnunet runs on the CPU"
    np.testing.assert_allclose(member.predict(PATCH)[..., 1], PATCH[..., 1] + 3, rtol=1e-6)
    assert member.step_down() is None


def test_a_member_of_one_fold_steps_down_to_the_cpu_at_once() -> None:
    assert TorchMember("mednext", ONE, [Ramp(1)], "cuda:0", ()).step_down() == "mednext runs on the CPU"


@pytest.mark.filterwarnings("ignore:CUDA is not available")
@pytest.mark.parametrize("words", ["CUDA out of memory", "cuDNN error: CUDNN_STATUS_ALLOC_FAILED"])
def test_a_full_device_is_told_as_such(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    member = TorchMember("m", ONE, [Full(words)], "cuda:0", ())
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, *_: tensor)  # there may be no GPU here
    monkeypatch.setattr(torch.nn.Module, "to", lambda module, *_: module)
    with pytest.raises(OutOfDeviceMemory):
        member.predict(PATCH)


def test_other_failures_of_a_network_are_not_taken_for_a_full_device() -> None:
    member = TorchMember("m", ONE, [Full("shapes do not match")], "cpu", ())
    with pytest.raises(RuntimeError, match="shapes do not match"):
        member.predict(PATCH)


def test_a_closed_member_says_so() -> None:
    member = TorchMember("m", ONE, [Ramp(1)], "cpu", ())
    member.close()
    with pytest.raises(ValueError, match="is closed"):
        member.predict(PATCH)


def test_auto_is_the_first_gpu_or_else_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == resolve_device("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("auto") == resolve_device("cuda") == "cuda:0"
    assert resolve_device("cuda:1") == "cuda:1"
    with pytest.raises(InputError, match="sees 2 CUDA devices"):
        resolve_device("cuda:2")


def test_a_gpu_that_is_not_there_is_refused_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="--device cpu or auto"):
        resolve_device("cuda")


@pytest.mark.parametrize("word", ["gpu", "cuda:", "cuda:x", "cuda:-1", "", "mps", "CPU"])
def test_other_words_for_devices_are_refused(word: str) -> None:
    with pytest.raises(InputError, match=r"expected auto, cpu, cuda or cuda:N"):
        resolve_device(word)
