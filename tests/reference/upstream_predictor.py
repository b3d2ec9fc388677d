"""nnU-Net's own predictor, and ours, on the same images: from voxels to probabilities."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nnunetv2.inference import predict_from_raw_data, sliding_window_prediction
from nnunetv2.inference.export_prediction import convert_predicted_logits_to_segmentation_with_correct_shape
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from bratseg.inference.preprocessing import preprocess, restore, to_probabilities
from bratseg.inference.sliding_window import sliding_window
from bratseg.models.torch_engine import load_member
from bratseg.weights.convert.model_folder import ModelFolder, convert_model_folder
from bratseg.weights.convert.new_member import NewMember
from bratseg.weights.folder import read_weights


def made_images(shape: tuple[int, ...]) -> np.ndarray:
    """(4, z, y, x): smooth noise in a ball, 0 around it."""
    axes = np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij")
    outside = sum(axis**2 for axis in axes) > 0.9
    images = np.random.default_rng(3).normal(300, 80, (4, *shape)).astype(np.float32)
    images[:, outside] = 0
    return images


@contextmanager
def accumulators_in_float32() -> Iterator[None]:
    """nnU-Net's accumulators and Gaussian in float32 instead of half precision."""
    gaussian = functools.partial(sliding_window_prediction.compute_gaussian, dtype=torch.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predict_from_raw_data, "compute_gaussian", gaussian)
        patch.setattr(torch, "half", torch.float32)
        yield


def upstream(
    networks: list[torch.nn.Module],
    made_plans: dict[str, Any],
    made_dataset: dict[str, Any],
    images: np.ndarray,
    spacing: tuple[float, ...],
    *,
    mirroring: bool,
    half: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Segmentation and probabilities of nnU-Net's predictor; its accumulators are half precision if wanted."""
    manager = PlansManager(made_plans)
    configuration = manager.get_configuration("3d_fullres")
    predictor = nnUNetPredictor(use_mirroring=mirroring, device=torch.device("cpu"), allow_tqdm=False)
    states = [{key: value.clone() for key, value in network.state_dict().items()} for network in networks]
    predictor.manual_initialization(
        networks[0], manager, configuration, states, made_dataset, "nnUNetTrainer", (0, 1, 2)
    )
    data, _, properties = DefaultPreprocessor(verbose=False).run_case_npy(
        images, None, {"spacing": list(spacing)}, manager, configuration, made_dataset
    )
    with nullcontext() if half else accumulators_in_float32():
        logits = predictor.predict_logits_from_preprocessed_data(torch.from_numpy(data))
    return convert_predicted_logits_to_segmentation_with_correct_shape(
        logits,
        manager,
        configuration,
        manager.get_label_manager(made_dataset),
        properties,
        return_probabilities=True,
        num_threads_torch=torch.get_num_threads(),
    )


def ours(source: Path, target: Path, images: np.ndarray, spacing: tuple[float, ...], *, mirroring: bool) -> Any:
    """Our probabilities of the same model folder, and the member's description."""
    convert_model_folder(ModelFolder(source), target, NewMember("nnunet", 1.0, "none", "made"))
    (entry,) = read_weights(target).members
    member = load_member(entry.path, device="cpu", mirroring=mirroring)
    prepared = preprocess(images, spacing, entry.description.preprocessing)
    outputs = sliding_window(member, prepared.data, step=0.5)
    return to_probabilities(restore(outputs, prepared), entry.description, prepared), entry.description
