"""The way to a network's input and back: by hand, and against nnU-Net's own functions."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.preprocessing.resampling.default_resampling import resample_data_or_seg_to_shape
from nnunetv2.preprocessing.resampling.resample_torch import resample_torch_fornnunet
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from bratseg.inference.normalization import normalize
from bratseg.inference.preprocessing import nonzero_region, preprocess, restore, to_probabilities
from bratseg.inference.resampling import resample
from bratseg.models.member import (
    Intensities,
    MemberDescription,
    Normalization,
    Outputs,
    Preprocessing,
    Resampling,
)
from bratseval.errors import InputError

MASKED = Normalization("ZScoreNormalization", use_mask=True)
PLAIN = Preprocessing(
    orientation="LPS",
    transpose=(0, 1, 2),
    spacing_mm=(1.0, 1.0, 1.0),
    normalization=(MASKED,),
    resample_image=Resampling(3, 0, None),
    resample_output=Resampling(1, 0, None),
)
DESCRIPTION = MemberDescription(
    network="nnunet",
    architecture={},
    inputs=("t1n",),
    outputs=Outputs("regions", ((1, 2, 3),), (2,)),
    patch_size=(8, 8, 8),
    preprocessing=PLAIN,
    mirror_axes=(),
    fold_mean="logits",
    folds=("fold_0.safetensors",),
    provenance={},
)


def brain(shape: tuple[int, ...], channels: int, seed: int = 0) -> np.ndarray:
    """Smooth noise inside a ball that leaves a rim of 0 around it and a hole of 0 in it."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    radius = np.sqrt(sum(axis**2 for axis in axes))
    images = rng.normal(300, 80, (channels, *shape)).astype(np.float32)
    images[:, (radius > 0.85) | (radius < 0.1)] = 0
    return images


def upstream(images: np.ndarray, spacing: tuple[float, ...], recipe: Preprocessing) -> np.ndarray:
    """What nnU-Net's DefaultPreprocessor makes of the same images."""
    resampling = {f"resampling_fn_{what}": "resample_data_or_seg_to_shape" for what in ("data", "seg", "probabilities")}
    kwargs = {
        "resampling_fn_data_kwargs": {"is_seg": False, **vars(recipe.resample_image)},
        "resampling_fn_seg_kwargs": {"is_seg": True, "order": 1, "order_z": 0, "force_separate_z": None},
        "resampling_fn_probabilities_kwargs": {"is_seg": False, **vars(recipe.resample_output)},
    }
    configuration = {
        "architecture": {},
        "spacing": list(recipe.spacing_mm),
        "normalization_schemes": [how.scheme for how in recipe.normalization],
        "use_mask_for_norm": [how.use_mask for how in recipe.normalization],
        **resampling,
        **kwargs,
    }
    plans: dict[str, Any] = {
        "transpose_forward": list(recipe.transpose),
        "transpose_backward": [int(i) for i in np.argsort(recipe.transpose)],
        "foreground_intensity_properties_per_channel": {
            str(i): vars(how.intensities) if how.intensities else {} for i, how in enumerate(recipe.normalization)
        },
        "configurations": {"3d_fullres": configuration},
    }
    manager = PlansManager(plans)
    data, _, _ = DefaultPreprocessor(verbose=False).run_case_npy(
        images, None, {"spacing": list(spacing)}, manager, manager.get_configuration("3d_fullres"), {}
    )
    return data


@pytest.mark.parametrize("transpose", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize(
    ("spacing", "target"),
    [
        ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0)),  # nothing to resample
        ((5.0, 0.9, 0.9), (1.0, 1.0, 1.0)),  # one coarse axis in the case: on its own
        ((1.0, 1.0, 1.0), (4.0, 1.3, 1.3)),  # one coarse axis in the plans
        ((4.0, 4.0, 1.0), (1.0, 1.0, 1.0)),  # two coarse axes: all three together
        ((1.5, 0.8, 1.1), (1.0, 1.0, 1.0)),  # no coarse axis
    ],
)
def test_preprocessing_equals_nnunet_at_any_spacing_and_transposition(
    spacing: tuple[float, ...], target: tuple[float, ...], transpose: tuple[int, ...]
) -> None:
    images = brain((13, 24, 21), 2)
    recipe = replace(PLAIN, transpose=transpose, spacing_mm=target, normalization=(MASKED, MASKED))
    ours = preprocess(images, spacing, recipe).data
    theirs = upstream(images, spacing, recipe)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=2e-6)


@pytest.mark.parametrize(
    "scheme",
    [
        MASKED,
        Normalization("ZScoreNormalization", use_mask=False),
        Normalization("NoNormalization", use_mask=False),
        Normalization("RescaleTo01Normalization", use_mask=False),
        Normalization("CTNormalization", False, Intensities(290.0, 70.0, 150.0, 420.0)),
    ],
)
def test_every_normalisation_scheme_equals_nnunet(scheme: Normalization) -> None:
    images = brain((10, 11, 12), 1)
    recipe = replace(PLAIN, normalization=(scheme,))
    spacing = (1.0, 1.0, 1.0)
    np.testing.assert_allclose(
        preprocess(images, spacing, recipe).data, upstream(images, spacing, recipe), rtol=1e-6, atol=1e-6
    )


def test_photographs_scheme_divides_by_255_and_refuses_other_intensities() -> None:
    scheme = Normalization("RGBTo01Normalization", use_mask=False)
    inside = np.ones((1, 1, 2), dtype=bool)
    # 51 / 255 and 255 / 255
    np.testing.assert_allclose(normalize(np.float32([[[51, 255]]]), inside, scheme), [[[0.2, 1]]], rtol=1e-6)
    with pytest.raises(InputError, match="expected 0 to 255"):
        normalize(np.float32([[[0, 256]]]), inside, scheme)


@pytest.mark.parametrize("force", [None, True, False])
@pytest.mark.parametrize("order_z", [0, 1, 3])
@pytest.mark.parametrize("shape", [(5, 17, 23), (31, 17, 23), (11, 12, 31)])
def test_resampling_of_outputs_equals_nnunet(shape: tuple[int, ...], order_z: int, force: bool | None) -> None:
    logits = np.random.default_rng(1).normal(size=(1, 11, 20, 19)).astype(np.float32)
    old, new = (4.0, 1.0, 1.0), (1.0, 1.0, 1.0)
    theirs = resample_data_or_seg_to_shape(
        logits, shape, old, new, is_seg=False, order=1, order_z=order_z, force_separate_z=force
    )
    ours = resample(logits[0], shape, old, new, Resampling(1, order_z, force))
    np.testing.assert_allclose(ours, theirs[0], atol=3e-6)


@pytest.mark.parametrize("force", [None, False])
@pytest.mark.parametrize("shape", [(5, 17, 23), (31, 17, 23), (11, 12, 31)])
def test_linear_resampling_equals_nnunets_on_torch(shape: tuple[int, ...], force: bool | None) -> None:
    image = np.random.default_rng(1).normal(size=(1, 11, 20, 19)).astype(np.float32)
    old, new = (4.0, 1.0, 1.0), (1.0, 1.0, 1.0)
    theirs = resample_torch_fornnunet(image, shape, old, new, num_threads=1, force_separate_z=force)
    ours = resample(image[0], shape, old, new, Resampling(1, 0, force))
    np.testing.assert_allclose(ours, theirs[0], atol=2e-5)  # torch's coordinates are float32


def test_planes_of_a_coarse_axis_are_repeated_not_blended() -> None:
    image = np.float32([[[1]], [[5]]])
    # two planes 4 mm apart become eight: each repeated four times
    resampled = resample(image, (8, 1, 1), (4.0, 1.0, 1.0), (1.0, 1.0, 1.0), Resampling(3, 0, None))
    assert resampled.ravel().tolist() == [1, 1, 1, 1, 5, 5, 5, 5]


def test_splines_do_not_leave_the_range_of_the_image() -> None:
    image = np.zeros((1, 1, 9), dtype=np.float32)
    image[..., 4:] = 1  # a step: a cubic spline alone would overshoot it
    resampled = resample(image, (1, 1, 27), (1.0, 1.0, 1.0), (1.0, 1.0, 1 / 3 + 0.01), Resampling(3, 0, False))
    assert (resampled.min(), resampled.max()) == (0, 1)


def test_the_region_is_the_union_of_channels_with_its_holes_filled() -> None:
    channels = np.zeros((2, 5, 5, 5), dtype=np.float32)
    channels[0, 1:4, 1:4, 1:4] = 7
    channels[0, 2, 2, 2] = 0  # a hole: enclosed by six faces
    channels[1, 0, 2, 2] = -1  # another channel reaches further
    mask, box = nonzero_region(channels)
    assert box == (slice(0, 4), slice(1, 4), slice(1, 4))
    assert np.count_nonzero(mask) == 27 + 1
    assert mask[2, 2, 2]


def test_a_notch_in_the_surface_is_no_hole() -> None:
    channels = np.ones((1, 3, 3, 3), dtype=np.float32)
    channels[0, 0, 1, 1] = 0
    mask, _ = nonzero_region(channels)
    assert not mask[0, 1, 1]


def test_masked_z_score_leaves_the_outside_at_zero() -> None:
    # mean 3, standard deviation 1: 2 -> -1 and 4 -> 1; the 0 outside stays 0
    image = np.float32([[[2, 4, 0]]])
    inside = np.array([[[True, True, False]]])
    assert normalize(image, inside, MASKED).ravel().tolist() == [-1, 1, 0]


def test_a_case_of_zeros_is_not_cropped_and_stays_zero() -> None:
    prepared = preprocess(np.zeros((1, 4, 5, 6), dtype=np.float32), (1.0, 1.0, 1.0), PLAIN)
    assert prepared.data.shape == (1, 4, 5, 6)
    assert not prepared.data.any()


def test_a_constant_image_is_not_divided_by_zero() -> None:
    prepared = preprocess(np.full((1, 4, 4, 4), 9, dtype=np.float32), (1.0, 1.0, 1.0), PLAIN)
    assert not prepared.data.any()


def test_the_given_images_are_not_changed() -> None:
    images = brain((8, 8, 8), 1)
    before = images.copy()
    preprocess(images, (1.0, 1.0, 1.0), PLAIN)
    np.testing.assert_array_equal(images, before)


def test_another_number_of_channels_than_the_recipe_is_refused() -> None:
    with pytest.raises(ValueError, match="2 channels"):
        preprocess(brain((4, 4, 4), 2), (1.0, 1.0, 1.0), PLAIN)


def test_the_way_back_undoes_transposition_and_crop() -> None:
    images = np.zeros((1, 6, 7, 8), dtype=np.float32)
    images[0, 1:4, 2:6, 3:5] = np.arange(24, dtype=np.float32).reshape(3, 4, 2) + 1
    recipe = replace(PLAIN, transpose=(2, 0, 1), normalization=(Normalization("NoNormalization", False),))
    prepared = preprocess(images, (1.0, 1.0, 1.0), recipe)
    assert prepared.data.shape == (1, 2, 3, 4)  # x, z, y of the crop
    restored = restore(prepared.data, prepared)
    np.testing.assert_array_equal(restored, images[:, 1:4, 2:6, 3:5])
    assert np.shares_memory(restored, prepared.data)  # nothing was resampled, nothing copied


def test_the_way_back_from_another_spacing_has_the_shape_of_the_case() -> None:
    images = brain((9, 20, 18), 1)
    recipe = replace(PLAIN, transpose=(1, 2, 0), spacing_mm=(1.5, 1.5, 2.0))
    prepared = preprocess(images, (3.0, 0.9, 0.9), recipe)
    outputs = np.zeros((3, *prepared.data.shape[1:]), dtype=np.float32)
    whole = to_probabilities(restore(outputs, prepared), DESCRIPTION, prepared)
    assert whole.shape == (3, 9, 20, 18)


def test_outside_the_crop_regions_are_zero_and_labels_are_background() -> None:
    images = np.zeros((1, 2, 1, 1), dtype=np.float32)
    images[0, 1] = 3
    prepared = preprocess(images, (1.0, 1.0, 1.0), PLAIN)
    logits = np.zeros((2, 1, 1, 1), dtype=np.float32)
    # inside: sigmoid(0) = 1/2 each; softmax of two equal logits = 1/2 each
    regions = to_probabilities(logits, DESCRIPTION, prepared)
    assert regions[:, :, 0, 0].tolist() == [[0, 0.5], [0, 0.5]]
    labels = replace(DESCRIPTION, outputs=Outputs("labels", ((0,), (1,))))
    assert to_probabilities(logits, labels, prepared)[:, :, 0, 0].tolist() == [[1, 0.5], [0, 0.5]]


def test_members_that_average_probabilities_are_not_squashed_again() -> None:
    prepared = preprocess(np.ones((1, 1, 1, 1), dtype=np.float32), (1.0, 1.0, 1.0), PLAIN)
    description = replace(DESCRIPTION, fold_mean="probabilities")
    given = np.float32([0.25]).reshape(1, 1, 1, 1)
    assert to_probabilities(given, description, prepared).item() == 0.25
