"""Model folders as nnU-Net v2 writes them, small and with random weights, for parity and conversion."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

REGIONS = {
    "labels": {"background": 0, "whole tumor": [1, 2, 3], "tumor core": [1, 3], "enhancing tumor": [3]},
    "regions_class_order": [2, 1, 3],
}
LABELS = {"labels": {"background": 0, "NCR": 1, "ED": 2, "ET": 3}}
CLASSES = {"plain": "PlainConvUNet", "residual": "ResidualEncoderUNet"}


def dataset(kind: str = "regions") -> dict[str, Any]:
    """A dataset.json, region- or label-based."""
    return {
        "channel_names": {"0": "T1", "1": "T1ce", "2": "T2", "3": "Flair"},
        **(REGIONS if kind == "regions" else LABELS),
        "numTraining": 4,
        "file_ending": ".nii.gz",
    }


def plans(
    network: str = "plain",
    *,
    patch: tuple[int, ...] = (32, 32, 32),
    spacing: tuple[float, ...] = (1.0, 1.0, 1.0),
    transpose: tuple[int, ...] = (0, 1, 2),
) -> dict[str, Any]:
    """A plans.json of today's format, three stages of 8 to 24 features."""
    blocks = "n_conv_per_stage" if network == "plain" else "n_blocks_per_stage"
    kwargs = {
        "n_stages": 3,
        "features_per_stage": [8, 16, 24],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
        "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2]],
        blocks: [2, 2, 2],
        "n_conv_per_stage_decoder": [2, 2],
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-05, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }
    configuration = {
        "data_identifier": "nnUNetPlans_3d_fullres",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": list(patch),
        "spacing": list(spacing),
        "normalization_schemes": ["ZScoreNormalization"] * 4,
        "use_mask_for_norm": [True] * 4,
        **resampling("data", 3),
        **resampling("seg", 1),
        **resampling("probabilities", 1),
        "batch_dice": False,
        "architecture": {
            "network_class_name": f"dynamic_network_architectures.architectures.unet.{CLASSES[network]}",
            "arch_kwargs": kwargs,
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
    }
    return {
        "dataset_name": "Dataset001_Made",
        "plans_name": "nnUNetPlans",
        "image_reader_writer": "SimpleITKIO",
        "label_manager": "LabelManager",
        "transpose_forward": list(transpose),
        "transpose_backward": [int(axis) for axis in np.argsort(transpose)],
        "foreground_intensity_properties_per_channel": {str(channel): {} for channel in range(4)},
        "configurations": {"3d_fullres": configuration},
    }


def resampling(what: str, order: int) -> dict[str, Any]:
    """The entries that say how images, segmentations or probabilities are resampled."""
    kwargs = {"is_seg": what == "seg", "order": order, "order_z": 0, "force_separate_z": None}
    return {
        f"resampling_fn_{what}": "resample_data_or_seg_to_shape",
        f"resampling_fn_{what}_kwargs": kwargs,
    }


def old(new: dict[str, Any]) -> dict[str, Any]:
    """The same plans as nnU-Net before 2.3 wrote them: no architecture, other keys."""
    configuration = dict(new["configurations"]["3d_fullres"])
    architecture = configuration.pop("architecture")
    kwargs = architecture["arch_kwargs"]
    configuration |= {
        "UNet_class_name": architecture["network_class_name"].rpartition(".")[2],
        "UNet_base_num_features": 8,
        "unet_max_num_features": 24,
        "n_conv_per_stage_encoder": kwargs.get("n_conv_per_stage", kwargs.get("n_blocks_per_stage")),
        "n_conv_per_stage_decoder": kwargs["n_conv_per_stage_decoder"],
        "num_pool_per_axis": [1, 2, 2],
        "pool_op_kernel_sizes": kwargs["strides"],
        "conv_kernel_sizes": kwargs["kernel_sizes"],
    }
    return new | {"configurations": {"3d_fullres": configuration}}


def random_network(made_plans: dict[str, Any], outputs: int, seed: int) -> torch.nn.Module:
    """Upstream's network of these plans, its head enlarged so that probabilities spread over 0 to 1."""
    torch.manual_seed(seed)
    architecture = PlansManager(made_plans).get_configuration("3d_fullres").configuration["architecture"]
    network = get_network_from_plans(
        architecture["network_class_name"],
        architecture["arch_kwargs"],
        architecture["_kw_requires_import"],
        4,
        outputs,
        deep_supervision=False,
    )
    head = network.decoder.seg_layers[-1]
    with torch.no_grad():
        head.weight.mul_(4)
        head.bias.normal_()
    return network.eval()


def write_checkpoint(path: Path, weights: dict[str, torch.Tensor], **more: Any) -> None:
    """A checkpoint with what nnU-Net's trainer puts beside the weights, numpy scalars included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "network_weights": weights,
        "optimizer_state": {"state": {}, "param_groups": [{"lr": 0.01}]},
        "grad_scaler_state": None,
        "logging": {"mean_fg_dice": [np.float64(0.5)], "train_losses": [np.float32(0.1)]},
        "_best_ema": np.float32(0.4),
        "current_epoch": 1,
        "init_args": {"configuration": "3d_fullres", "fold": 0, "device": torch.device("cpu")},
        "trainer_name": "nnUNetTrainerOfSomebody",
        "inference_allowed_mirroring_axes": (0, 1, 2),
        **more,
    }
    torch.save(content, path)


def write_folder(
    folder: Path, made_plans: dict[str, Any], made_dataset: dict[str, Any], *, folds: int = 2
) -> list[torch.nn.Module]:
    """A model folder with random weights; gives its networks, one a fold."""
    folder.mkdir(parents=True)
    (folder / "plans.json").write_text(json.dumps(made_plans))
    (folder / "dataset.json").write_text(json.dumps(made_dataset))
    outputs = 3 if "regions_class_order" in made_dataset else 4
    networks = [random_network(made_plans, outputs, seed) for seed in range(folds)]
    for fold, network in enumerate(networks):
        write_checkpoint(folder / f"fold_{fold}" / "checkpoint_final.pth", network.state_dict())
    return networks
