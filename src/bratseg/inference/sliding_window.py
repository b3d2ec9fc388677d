"""One network over a whole image: overlapping tiles, weighted towards their middles.

Tiles, Gaussian weights and the mean are those of nnU-Net v2's predictor, with one
difference: sums are float32 here, where upstream's are half precision and lose the
voxels at the corners of the image.
"""

import itertools
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from bratseg.models.member import Member

Shape = tuple[int, int, int]
SIGMA_SHARE: Final = 1 / 8  # of the tile's side; nnunetv2 2.8.1, compute_gaussian
PEAK: Final = 10.0  # the largest weight; same source


def sliding_window(
    member: Member, image: NDArray[np.float32], *, step: float, on_tile: Callable[[int, int], None] = lambda *_: None
) -> NDArray[np.float32]:
    """What the member predicts for every voxel: logits or probabilities, as its `fold_mean` says.

    Args:
        image: (inputs, z, y, x), preprocessed; smaller images than a tile are padded with 0.
        step: distance of neighbouring tiles, as a share of the tile's side, in (0, 1].
        on_tile: called with (tiles done, tiles in all) after each tile.

    Returns:
        (outputs, z, y, x).

    Raises:
        ValueError: `step` is out of range.
        OutOfDeviceMemory: the member's device is full; nothing was kept.
    """
    patch = _shape(member.description.patch_size)
    padded, inside = _pad(image, patch)
    tiles = tile_corners(_shape(padded.shape[1:]), patch, step)
    weights = importance(patch)
    total = np.zeros((len(member.description.outputs.labels), *padded.shape[1:]), dtype=np.float32)
    weight_sum = np.zeros(padded.shape[1:], dtype=np.float32)
    for done, corner in enumerate(tiles, start=1):
        window = tuple(slice(start, start + side) for start, side in zip(corner, patch, strict=True))
        total[(slice(None), *window)] += member.predict(padded[(slice(None), *window)]) * weights
        weight_sum[window] += weights
        on_tile(done, len(tiles))
    total /= weight_sum
    return total[(slice(None), *inside)]


def tile_corners(shape: Shape, patch: Shape, step: float) -> list[Shape]:
    """The first voxel of every tile, evenly spread so that the last one ends with the image.

    Args:
        shape: (z, y, x) of the image, no side shorter than the tile's.
        patch: (z, y, x) of a tile.
        step: wanted distance of tiles as a share of the tile's side; the real one is at most this.

    Raises:
        ValueError: the image is smaller than a tile, or `step` is not in (0, 1].

    Source: nnunetv2 2.8.1, compute_steps_for_sliding_window.
    """
    if not 0 < step <= 1:
        raise ValueError(f"step is {step}, expected more than 0 and at most 1")
    if any(side < tile for side, tile in zip(shape, patch, strict=True)):
        raise ValueError(f"the image {shape} is smaller than a tile {patch}")
    starts = []
    for side, tile in zip(shape, patch, strict=True):
        room = side - tile
        gaps = int(np.ceil(room / (tile * step)))
        starts.append([round(room / gaps * i) for i in range(gaps + 1)] if gaps else [0])
    return [(z, y, x) for z, y, x in itertools.product(*starts)]


@lru_cache(maxsize=4)
def importance(patch: Shape) -> NDArray[np.float32]:
    """The weight of each voxel (z, y, x) of a tile: a Gaussian around its middle, never 0; read-only."""
    weights = np.zeros(patch)
    weights[tuple(side // 2 for side in patch)] = 1
    weights = gaussian_filter(weights, [side * SIGMA_SHARE for side in patch], mode="constant")
    weights *= PEAK / weights.max()
    weights[weights == 0] = weights[weights > 0].min()
    result: NDArray[np.float32] = weights.astype(np.float32)
    result.flags.writeable = False
    return result


def _shape(sides: tuple[int, ...]) -> Shape:
    z, y, x = sides
    return z, y, x


def _pad(image: NDArray[np.float32], patch: Shape) -> tuple[NDArray[np.float32], tuple[slice, slice, slice]]:
    """The image with 0 around it so that no side is shorter than the tile's, and where it lies inside."""
    short = [max(0, tile - side) for side, tile in zip(_shape(image.shape[1:]), patch, strict=True)]
    before = [n // 2 for n in short]
    z, y, x = (slice(start, start + side) for start, side in zip(before, _shape(image.shape[1:]), strict=True))
    if not any(short):
        return image, (z, y, x)
    widths = [(0, 0), *((start, n - start) for start, n in zip(before, short, strict=True))]
    return np.pad(image, widths), (z, y, x)
