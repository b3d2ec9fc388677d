"""Voxel edges as an edition's official code reads them from a file."""

import nibabel as nib
import numpy as np

from bratseval.challenge import Edition
from bratseval.files.nifti import VoxelGrid


def spacing_mm(grid: VoxelGrid, edition: Edition) -> tuple[float, float, float]:
    """Voxel edges (x, y, z) in mm, rounded to float32 as in the official code.

    They come from the header or from the affine (`Edition.spacing_from`). In a header a
    negative edge counts as positive and an edge of 0 as 1 mm, because nibabel repairs it so.
    """
    if edition.spacing_from == "affine":
        edges = np.sqrt((grid.affine[:3, :3] ** 2).sum(axis=0)).astype(np.float32)
    else:
        edges = np.abs(nib.Nifti1Header(grid.header, check=False)["pixdim"][1:4])
    x, y, z = (float(edge) or 1.0 for edge in edges)
    return x, y, z
