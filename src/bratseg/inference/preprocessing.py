"""From a case's voxels to a network's input and back, numerically as nnU-Net v2 does it.

Source of every rule: nnunetv2 2.8.1, DefaultPreprocessor, default_resampling,
default_normalization_schemes and export_prediction; results equal upstream's up to rounding.
Axes are (z, y, x) throughout; the recipe may hand them to the network in another order.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit, softmax

from bratseg.models.member import Intensities, MemberDescription, Normalization, Preprocessing, Resampling
from bratseval.errors import InputError
from bratseval.metrics.bounding_box import bounding_box

ANISOTROPY: Final = 3.0  # coarsest over finest spacing above which an axis goes alone; nnunetv2.configuration
_SMALLEST_STD: Final = 1e-8  # a constant image is not divided by 0; ZScoreNormalization in float32

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Shape = tuple[int, ...]
Box = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A case ready for a network, and the way back.

    Attributes:
        data: (c, z, y, x) in the network's axes and spacing.
        crop: (z, y, x) where the data lies in the case.
        shape: (z, y, x) of the whole case.
        spacing_mm: (z, y, x) of the case.
        recipe: how it was made.
    """

    data: Floats
    crop: Box
    shape: Shape
    spacing_mm: tuple[float, ...]
    recipe: Preprocessing


def preprocess(channels: Floats, spacing_mm: tuple[float, ...], recipe: Preprocessing) -> Prepared:
    """Crop to the non-zero region, normalise each channel, resample to the network's spacing.

    Args:
        channels: (c, z, y, x), in the recipe's orientation; not changed.
        spacing_mm: (z, y, x) of the voxels.
        recipe: one normalisation a channel.

    Returns:
        The network's input. A case that is 0 everywhere is not cropped and stays 0
        under masked z-scores.

    Raises:
        ValueError: the recipe is for another number of channels.
        InputError: intensities that the recipe's scheme does not allow.
    """
    if len(channels) != len(recipe.normalization):
        raise ValueError(f"{len(channels)} channels, the recipe is for {len(recipe.normalization)}")
    order = recipe.transpose
    mask, crop = nonzero_region(channels)
    inside = mask[crop].transpose(order)
    old = tuple(float(spacing_mm[axis]) for axis in order)
    shape = tuple(max(1, round(a / b * n)) for a, b, n in zip(old, recipe.spacing_mm, inside.shape, strict=True))
    data = np.empty((len(channels), *shape), dtype=np.float32)
    for number, scheme in enumerate(recipe.normalization):
        cropped = channels[number][crop].transpose(order)
        scaled = normalize(np.array(cropped, dtype=np.float32, order="C"), inside, scheme)
        data[number] = resample(scaled, shape, old, recipe.spacing_mm, recipe.resample_image)
    return Prepared(data, crop, channels.shape[1:], tuple(spacing_mm), recipe)


def restore(outputs: Floats, prepared: Prepared) -> Floats:
    """A network's outputs on the case's own voxels, inside the crop.

    Args:
        outputs: (o, z, y, x) in the network's axes and spacing: logits or probabilities.
        prepared: what the outputs were computed from.

    Returns:
        (o, z, y, x) in the case's axes, of the crop's shape; a view where nothing was resampled.
    """
    recipe = prepared.recipe
    shape = tuple(prepared.crop[axis].stop - prepared.crop[axis].start for axis in recipe.transpose)
    spacing = tuple(prepared.spacing_mm[axis] for axis in recipe.transpose)
    if outputs.shape[1:] != shape:
        resampled = np.empty((len(outputs), *shape), dtype=np.float32)
        for number, channel in enumerate(outputs):
            resampled[number] = resample(channel, shape, recipe.spacing_mm, spacing, recipe.resample_output)
        outputs = resampled
    back = np.argsort(recipe.transpose)
    return outputs.transpose(0, *(int(axis) + 1 for axis in back))


def to_probabilities(outputs: Floats, description: MemberDescription, prepared: Prepared) -> Floats:
    """Probabilities of the whole case from restored outputs; outside the crop there is background.

    Args:
        outputs: (o, z, y, x) on the crop, as `restore` gives them.
        description: of the member that gave them; logits take a sigmoid each
            (regions) or one softmax (labels), probabilities stay as they are.
        prepared: where the crop lies.

    Returns:
        (o, z, y, x) of the whole case, 0 to 1.
    """
    labels = description.outputs.kind == "labels"
    whole = np.zeros((len(outputs), *prepared.shape), dtype=np.float32)
    if labels:
        whole[0] = 1
    if description.fold_mean == "probabilities":
        inside = outputs
    else:
        inside = softmax(outputs, axis=0) if labels else expit(outputs)
    whole[(slice(None), *prepared.crop)] = inside
    return whole


def nonzero_region(channels: Floats) -> tuple[Mask, Box]:
    """Where any channel is not 0, with enclosed holes filled, and the smallest box around that.

    Args:
        channels: (c, z, y, x).

    Returns:
        (z, y, x) mask and box; the whole volume is the box of an empty mask.
    """
    mask: Mask = channels[0] != 0
    for channel in channels[1:]:
        mask |= channel != 0
    found = bounding_box(mask)
    box: Box = found if found[0].stop else tuple(slice(0, side) for side in mask.shape)
    # Voxels of the complement that no path of faces joins to the box's surface are holes;
    # outside the box everything is complement, so the box shows them all.
    parts, count = ndimage.label(~mask[box])
    enclosed = np.ones(count + 1, dtype=np.bool_)
    enclosed[0] = False
    for axis in range(3):
        for side in (0, -1):
            enclosed[np.take(parts, side, axis=axis)] = False
    mask[box] |= enclosed[parts]
    return mask, box


def normalize(image: Floats, inside: Mask, how: Normalization) -> Floats:
    """One channel with its intensities scaled; `image` is overwritten.

    Args:
        image: (z, y, x).
        inside: the non-zero region; masked z-scores are taken and applied in it alone.
        how: the scheme.

    Raises:
        InputError: an intensity outside 0 to 255 under the scheme for photographs.
    """
    if how.scheme == "ZScoreNormalization":
        _z_score(image, inside if how.use_mask else None)
    elif how.scheme == "CTNormalization" and how.intensities is not None:
        _ct(image, how.intensities)
    elif how.scheme == "RescaleTo01Normalization":
        image -= image.min()
        image /= max(image.max(), _SMALLEST_STD)
    elif how.scheme == "RGBTo01Normalization":
        if image.min() < 0 or image.max() > 255:
            raise InputError(
                f"image: has intensities from {image.min():g} to {image.max():g}, expected 0 to 255. "
                "These weights are for photographs."
            )
        image /= 255
    return image


def _z_score(image: Floats, inside: Mask | None) -> None:
    if inside is None:
        mean, std = image.mean(), image.std()
        image -= mean
        image /= max(std, _SMALLEST_STD)
    elif inside.any():
        values = image[inside]
        image[inside] = (values - values.mean()) / max(values.std(), _SMALLEST_STD)


def _ct(image: Floats, seen: Intensities) -> None:
    np.clip(image, seen.percentile_00_5, seen.percentile_99_5, out=image)
    image -= np.float32(seen.mean)
    image /= np.float32(max(seen.std, _SMALLEST_STD))


def resample(
    image: Floats, shape: Shape, old_mm: tuple[float, ...], new_mm: tuple[float, ...], how: Resampling
) -> Floats:
    """One channel on a grid of another shape over the same box; voxels' outer faces coincide.

    Args:
        image: (z, y, x).
        shape: (z, y, x) wanted.
        old_mm: spacing of `image`.
        new_mm: spacing wanted; with `old_mm` it decides whether the coarse axis goes alone.
        how: spline orders.

    Returns:
        (z, y, x) of `shape`, within the range of `image`; the same array when the shape is its own.
    """
    if image.shape == tuple(shape):
        return image
    axis = _coarse_axis(old_mm, new_mm, how.force_separate_z)
    if axis is None:
        return _zoom(image, shape, how.order)
    plane = tuple(n for other, n in enumerate(shape) if other != axis)
    planes = np.moveaxis(image, axis, 0)
    in_plane = np.empty((len(planes), *plane), dtype=np.float32)
    for number, slice_ in enumerate(planes):
        in_plane[number] = _zoom(slice_, plane, how.order)
    return np.moveaxis(_along_first(in_plane, shape[axis], how.order_z), 0, axis)


def _coarse_axis(old_mm: tuple[float, ...], new_mm: tuple[float, ...], force: bool | None) -> int | None:
    """The axis that is resampled on its own: the one coarse axis of an anisotropic grid, if there is one."""
    if force is False:
        return None
    for spacing in (old_mm,) if force else (old_mm, new_mm):
        if force or max(spacing) / min(spacing) > ANISOTROPY:
            coarsest = [axis for axis, mm in enumerate(spacing) if max(spacing) / mm == 1]
            return coarsest[0] if len(coarsest) == 1 else None
    return None


def _zoom(image: Floats, shape: Shape, order: int) -> Floats:
    """Spline interpolation on a grid of another shape, edges continued, cut to the image's own range."""
    if image.shape == tuple(shape):
        return image
    factors = [new / old for new, old in zip(shape, image.shape, strict=True)]
    zoomed: Floats = ndimage.zoom(image, factors, output=np.float32, order=order, mode="nearest", grid_mode=True)
    np.clip(zoomed, image.min(), image.max(), out=zoomed)
    return zoomed


def _along_first(image: Floats, count: int, order: int) -> Floats:
    """The planes of the first axis interpolated to another number of them; order 0 repeats the nearest."""
    if len(image) == count:
        return image
    if order == 0:
        centres = len(image) / count * (np.arange(count) + 0.5) - 0.5
        repeated: Floats = image[np.clip(np.floor(centres + 0.5).astype(int), 0, len(image) - 1)]
        return repeated
    zoomed: Floats = ndimage.zoom(
        image, (count / len(image), 1, 1), output=np.float32, order=order, mode="nearest", grid_mode=True
    )
    return zoomed
