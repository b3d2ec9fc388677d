"""From a case's voxels to a network's input and back, numerically as nnU-Net v2 does it.

Source of every rule: nnunetv2 2.8.1, DefaultPreprocessor and export_prediction; results equal
upstream's up to rounding.
Axes are (z, y, x) throughout; the recipe may hand them to the network in another order.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit, softmax

from bratseg.inference.normalization import normalize
from bratseg.inference.resampling import resample
from bratseg.models.member import MemberDescription, Preprocessing
from bratseval.metrics.bounding_box import bounding_box

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
