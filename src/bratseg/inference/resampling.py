"""One channel on a grid of another spacing, numerically as nnU-Net v2 does it; axes are (z, y, x).

Source: nnunetv2 2.8.1, default_resampling and determine_do_sep_z_and_axis.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bratseg.models.member import Resampling

Floats = NDArray[np.float32]
Shape = tuple[int, ...]
ANISOTROPY: Final = 3.0  # coarsest over finest spacing above which an axis goes alone; nnunetv2.configuration


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
