"""Patches of phantoms, each rotated, scaled and with other contrasts every time."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bratseg.demo.default_weights.pool import Sample

Patch = tuple[int, int, int]
_Voxel = TypeVar("_Voxel", bound=np.generic)


def draw_patch(rng: np.random.Generator, sample: Sample, size: Patch) -> Sample:
    """One augmented patch.

    Args:
        rng: decides everything.
        sample: a whole phantom.
        size: (z, y, x); the patch lies on tumour in half of the draws and anywhere in the others.

    Returns:
        data (c, *size) and labels `size`; 0 where the patch leaves the phantom.
    """
    moved = _placed(rng, sample, size)
    mask = np.asarray(moved.data.any(axis=0))
    data = np.stack([_with_new_contrast(rng, channel, mask) for channel in moved.data])
    return Sample(data, moved.labels)


def _placed(rng: np.random.Generator, sample: Sample, size: Patch) -> Sample:
    shape = np.array(sample.labels.shape)
    room = np.maximum(shape - size, 0) / 2
    centre = (shape - 1) / 2 + rng.uniform(-1, 1, 3) * (room + 4)
    if rng.random() < 0.5:
        tumour = np.argwhere(sample.labels > 0)
        target = tumour[rng.integers(len(tumour))]
        centre = np.clip(target, (shape - 1) / 2 - room - 8, (shape - 1) / 2 + room + 8)
    matrix = np.diag([1.0, 1.0, -1.0 if rng.random() < 0.5 else 1.0])  # left and right
    if rng.random() < 0.6:
        matrix = (
            _rotation(rng.normal(0, 0.14, 3)) @ np.diag(rng.uniform(0.82, 1.2) * rng.uniform(0.94, 1.06, 3)) @ matrix
        )
        offset = centre - matrix @ ((np.array(size) - 1) / 2)
        data = np.stack([_warped(channel, matrix, offset, size, 1) for channel in sample.data])
        return Sample(data, _warped(sample.labels, matrix, offset, size, 0))
    start = np.round(centre - (np.array(size) - 1) / 2).astype(int)
    low, high = np.maximum(-start, 0), np.maximum(start + size - shape, 0)
    pads = list(zip(low, high, strict=True))
    box = tuple(slice(max(s, 0), max(s, 0) + n - a - b) for s, n, (a, b) in zip(start, size, pads, strict=True))
    data = np.pad(sample.data[(slice(None), *box)], [(0, 0), *pads])
    labels = np.pad(sample.labels[box], pads)
    if matrix[2, 2] < 0:
        data, labels = data[..., ::-1], labels[..., ::-1]
    return Sample(data, labels)


def _rotation(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    result = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = (other for other in range(3) if other != axis)
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        result = result @ turn
    return result


def _warped(
    image: NDArray[_Voxel], matrix: NDArray[np.float64], offset: NDArray[np.float64], size: Patch, order: int
) -> NDArray[_Voxel]:
    warped: NDArray[_Voxel] = ndimage.affine_transform(image, matrix, offset, output_shape=size, order=order)
    return warped


def _with_new_contrast(
    rng: np.random.Generator, image: NDArray[np.float32], mask: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """A z-scored channel with another contrast, shading, sharpness and noise; 0 stays around the brain."""
    result = image
    if rng.random() < 0.25:
        result = ndimage.gaussian_filter(result, rng.uniform(0.3, 0.9, 3))
    if rng.random() < 0.15:  # thick slices
        result = _coarse(rng, result)
    if rng.random() < 0.4:
        result = _regraded(rng, result)
    if rng.random() < 0.4:
        axes = [np.linspace(-1, 1, n, dtype=np.float32) for n in image.shape]
        z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
        a, b, c, d = rng.normal(0, 0.12, 4)
        result = result + (a * z + b * y + c * x + d * (x * x + y * y)) * np.float32(rng.uniform(0.5, 2))
    result = result * np.float32(rng.uniform(0.75, 1.3)) + np.float32(rng.normal(0, 0.15))
    if rng.random() < 0.4:
        result = result + rng.standard_normal(image.shape, dtype=np.float32) * np.float32(rng.uniform(0, 0.2))
    return np.where(mask, result, 0).astype(np.float32)


def _coarse(rng: np.random.Generator, image: NDArray[np.float32]) -> NDArray[np.float32]:
    axis = int(rng.integers(3))
    coarse: NDArray[np.float32] = ndimage.uniform_filter1d(image, int(rng.integers(2, 4)), axis=axis, mode="nearest")
    return coarse


def _regraded(rng: np.random.Generator, image: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = float(image.min()), float(image.max())
    span = max(high - low, 1e-6)
    regraded: NDArray[np.float32] = ((image - low) / span) ** np.float32(np.exp(rng.normal(0, 0.2))) * span + low
    return regraded
