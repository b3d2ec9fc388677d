"""Voxel edges, as an edition's official code takes them from a file."""

import nibabel as nib
import numpy as np

from bratseval.challenge import Edition
from bratseval.files.nifti import VoxelGrid


def spacing_mm(grid: VoxelGrid, edition: Edition) -> tuple[float, float, float]:
    """Voxel edges (x, y, z) as nibabel gives them to the official code: float32, of the header or of the affine.

    In a header negative edges count as positive and an edge of 0 as 1 mm: nibabel mends them so.
    """
    if edition.spacing_from == "affine":
        edges = np.sqrt((grid.affine[:3, :3] ** 2).sum(axis=0)).astype(np.float32)
    else:
        edges = np.abs(nib.Nifti1Header(grid.header, check=False)["pixdim"][1:4])
    x, y, z = (float(edge) or 1.0 for edge in edges)
    return x, y, z
