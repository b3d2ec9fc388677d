"""MedNeXt as nnU-Net's plans name it: five heads in training and evaluation, MONAI's tensors inside."""

from pathlib import Path
from pydoc import locate

import pytest
import torch

from bratseg.models.member import MedNeXtArchitecture
from bratseg.models.networks import build_mednext
from bratseg.models.stored_tensors import fill
from bratseg.training.campaign import read_campaign, template
from bratseg.training.mednext_trainer import HEADS, MedNeXtNetwork, MedNeXtTrainer
from bratseg.training.planning import campaign_plans
from bratseg.weights.convert.checkpoint import find_weights

SIZES = {"channels": 4, "kernel": 3, "blocks": [1] * 9, "expansion": [2, 3, 4, 4, 4, 4, 4, 3, 2]}


def network(*, checkpointing: bool = False) -> MedNeXtNetwork:
    torch.manual_seed(0)
    return MedNeXtNetwork(4, 3, True, **SIZES, checkpointing=checkpointing, strides=[[1, 1, 1]] + [[2, 2, 2]] * 4)


def test_plans_can_name_it() -> None:
    assert locate("bratseg.training.mednext_trainer.MedNeXtNetwork") is MedNeXtNetwork


@pytest.mark.parametrize("training", [True, False])
def test_deep_supervision_answers_at_five_scales_in_training_and_evaluation(training: bool) -> None:
    made = network().train(training)
    answers = made(torch.zeros(1, 4, 32, 32, 16))
    assert [tuple(answer.shape[2:]) for answer in answers] == [
        (32, 32, 16),
        (16, 16, 8),
        (8, 8, 4),
        (4, 4, 2),
        (2, 2, 1),
    ]
    made.decoder.deep_supervision = False
    assert made(torch.zeros(1, 4, 32, 32, 16)).shape == (1, 3, 32, 32, 16)


def test_every_head_gets_a_gradient() -> None:
    made = network()
    sum(answer.square().sum() for answer in made(torch.randn(1, 4, 32, 16, 16))).backward()
    without = [name for name, parameter in made.named_parameters() if parameter.grad is None]
    assert without == []
    assert len([name for name, _ in made.named_parameters() if "out_" in name]) == 2 * HEADS  # weight and bias


def test_blocks_computed_again_give_the_same_gradients() -> None:
    images = torch.randn(1, 4, 32, 16, 16)
    gradients = []
    for checkpointing in (False, True):
        made = network(checkpointing=checkpointing)
        sum(answer.square().mean() for answer in made(images)).backward()
        gradients.append([parameter.grad for parameter in made.parameters()])
    for plain, again in zip(*gradients, strict=True):
        assert torch.allclose(plain, again, rtol=1e-5, atol=1e-7)


def test_its_tensors_fill_the_network_of_inference(tmp_path: Path) -> None:
    made = network().eval()
    made.decoder.deep_supervision = False
    found = find_weights({"network_weights": made.state_dict()}, tmp_path / "checkpoint_final.pth")
    assert found.mednext
    inference = build_mednext(MedNeXtArchitecture(4, 3, (1,) * 9, (2, 3, 4, 4, 4, 4, 4, 3, 2)), 4, 3).eval()
    fill(inference, found.state, tmp_path)
    images = torch.randn(1, 4, 32, 16, 16)
    with torch.no_grad():
        assert torch.equal(inference(images), made(images))


def test_all_five_heads_are_targets() -> None:
    scales = MedNeXtTrainer._get_deep_supervision_scales(None)  # type: ignore[arg-type]
    assert scales == [[1.0] * 3, [0.5] * 3, [0.25] * 3, [0.125] * 3, [0.0625] * 3]


def test_a_patch_of_128_makes_the_network_of_the_paper(tmp_path: Path) -> None:
    # nnunetv2 2.8.1 plans BraTS in 1 mm and 128x128x128 with six stages; arXiv 2412.04111 trains it
    (tmp_path / "africa.toml").write_text(template(), "utf-8")
    network = {"network_class_name": "PlainConvUNet", "arch_kwargs": {"conv_bias": True}}
    full = {"spacing": [1.0, 1.0, 1.0], "patch_size": [96, 160, 128], "architecture": network}
    plans = campaign_plans({"configurations": {"2d": {}, "3d_fullres": full}}, read_campaign(tmp_path / "africa.toml"))
    assert set(plans["configurations"]) == {"3d_fullres", "mednext"}
    kwargs = plans["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"]
    assert kwargs["features_per_stage"] == [32, 64, 128, 256, 320, 320]
    assert kwargs["strides"] == [[1, 1, 1]] + [[2, 2, 2]] * 5
    assert kwargs["n_conv_per_stage"] == [2] * 6
    assert kwargs["conv_bias"]
    made = MedNeXtNetwork(4, 3, True, **plans["configurations"]["mednext"]["architecture"]["arch_kwargs"])
    # counted in the official network: MedNeXt-M, 4 inputs, 3 outputs, with five heads and a dummy of one
    assert sum(parameter.numel() for parameter in made.parameters()) == 17_551_984 - 1
