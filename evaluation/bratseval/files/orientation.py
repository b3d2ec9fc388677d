"""Reorienting voxels by flipping and swapping axes, never by interpolation."""

from typing import Final, TypeVar

import numpy as np
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform
from numpy.typing import NDArray

from bratseval.files.nifti import VoxelGrid

T = TypeVar("T", bound=np.generic)

# Axes that run to the left, back and up. BraTS stores its voxels so; post-processing, features and pictures use it.
LPS: Final = "LPS"


def to_lps(voxels: NDArray[T], affine: NDArray[np.float64]) -> NDArray[T]:
    """Voxels (x, y, z) or (c, x, y, z) on LPS axes. A view."""
    return reorient(voxels, affine, LPS)


def from_lps(voxels: NDArray[T], affine: NDArray[np.float64]) -> NDArray[T]:
    """Undo `to_lps`: voxels on the axes of `affine`. A view."""
    return reorient_back(voxels, affine, LPS)


def reoriented_spacing_mm(grid: VoxelGrid, target: str = LPS) -> tuple[float, float, float]:
    """The voxel edges (x, y, z) after `reorient(…, target)`, float64, from the affine."""
    x, y, z = np.linalg.norm(reoriented_affine(grid, target)[:3, :3], axis=0).tolist()
    return x, y, z


def reorient(voxels: NDArray[T], affine: NDArray[np.float64], target: str) -> NDArray[T]:
    """The same voxels with axes that run towards `target`, for example "LPS".

    Args:
        voxels: (x, y, z) or (c, x, y, z); the last three axes are reoriented.
        affine: (4, 4), of the voxels before.
        target: three letters, one of each pair L/R, P/A, I/S: where each axis runs to.

    Returns:
        A view; an oblique image gets the nearest of the 48 orientations.
    """
    return _turn(voxels, ornt_transform(io_orientation(affine), axcodes2ornt(target)))


def reorient_back(voxels: NDArray[T], affine: NDArray[np.float64], target: str) -> NDArray[T]:
    """Undo `reorient`: from `target` to the orientation of `affine`. A view."""
    return _turn(voxels, ornt_transform(axcodes2ornt(target), io_orientation(affine)))


def reoriented_affine(grid: VoxelGrid, target: str) -> NDArray[np.float64]:
    """The affine of the grid's voxels after `reorient(…, target)`."""
    turn = ornt_transform(io_orientation(grid.affine), axcodes2ornt(target))
    return np.asarray(grid.affine @ inv_ornt_aff(turn, grid.shape), dtype=np.float64)


def _turn(voxels: NDArray[T], turn: NDArray[np.float64]) -> NDArray[T]:
    lead = voxels.ndim - 3
    order = np.argsort(turn[:, 0]).astype(int)
    moved = voxels.transpose(*range(lead), *(lead + order))
    steps = [slice(None)] * lead + [slice(None, None, int(turn[axis, 1])) for axis in order]
    turned: NDArray[T] = moved[tuple(steps)]
    return turned
