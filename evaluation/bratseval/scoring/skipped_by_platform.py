"""Why an official run of BraTS_evaluation would refuse a case. Arrays and grids in, a reason out.

A refused case leaves the platform's mean without a penalty, and the participant is
told nothing, so it should be known beforehand.
"""

from typing import Final

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition
from bratseval.files.nifti import VoxelGrid

# panoptica 2.1.7 adds up the signed differences of an origin (or direction) and refuses more than this.
MAX_SIGNED_SUM: Final = 1e-5
_TO_LPS: Final = np.array([-1.0, -1.0, 1.0])  # NIfTI's axes point right and to the front, ITK's left and to the back


def refusal(
    prediction: NDArray[np.generic],
    reference: NDArray[np.generic],
    grids: tuple[VoxelGrid, VoxelGrid],
    edition: Edition,
) -> str | None:
    """What keeps an official run of the family "instances-2026" from scoring a case; None if nothing does.

    The checks are those of panoptica 2.1.7 through SimpleITK, in its order, faults
    included: origins and directions may differ if the differences add up to nothing or
    less, and voxel edges may not differ by a single bit.

    Args:
        prediction, reference: labels (x, y, z), any numeric type.
        grids: of the prediction and of the reference.
        edition: its regions say which labels are defined.
    """
    return _geometry(*grids) or _values("prediction", prediction, edition) or _values("reference", reference, edition)


def _geometry(prediction: VoxelGrid, reference: VoxelGrid) -> str | None:
    if prediction.shape != reference.shape:
        got, expected = ("x".join(map(str, grid.shape)) for grid in (prediction, reference))
        return f"the prediction has {got} voxels, expected {expected} as the reference. Save it on the case's grid."
    off = float((_origin(prediction) - _origin(reference)).sum())
    if off > MAX_SIGNED_SUM:
        return f"the prediction's origin is off by {off:g} mm in sum, expected the reference's. Keep the case's affine."
    edges = _edges_mm(prediction), _edges_mm(reference)
    if edges[0] != edges[1]:
        got, expected = ("x".join(f"{edge:.9g}" for edge in side) for side in edges)
        return f"the prediction's voxels are {got} mm, expected exactly {expected}. Keep the case's header."
    off = float((_direction(prediction) - _direction(reference)).sum())
    if off > MAX_SIGNED_SUM:
        return f"the prediction's axes are off by {off:g} in sum, expected the reference's. Keep the case's affine."
    return None


def _values(side: str, volume: NDArray[np.generic], edition: Edition) -> str | None:
    known = {0}.union(*(rules.labels for rules in edition.regions.values()))
    if volume.dtype == np.uint8 and known == set(range(len(known))) and int(volume.max(initial=0)) < len(known):
        return None  # the usual file, seen in one fast pass
    found = np.unique(volume)
    found = found[~np.isnan(found) & (found != np.inf)]  # both become 0 when the official code casts them
    if (found < 0).any():
        return f"the {side} holds {found.min():g}, expected no negative value. Save labels from 0 on."
    strange = sorted({int(value) for value in found} - known)  # fractions are cut off, as there
    if strange:
        told, expected = (", ".join(map(str, labels)) for labels in (strange, sorted(known)))
        return f"the {side} holds label {told}, expected none but {expected}. Save this challenge's labels."
    return None


def _edges_mm(grid: VoxelGrid) -> tuple[float, ...]:
    return tuple(float(edge) for edge in nib.Nifti1Header(grid.header, check=False)["pixdim"][1:4])


def _origin(grid: VoxelGrid) -> NDArray[np.float64]:
    return np.asarray(grid.affine[:3, 3] * _TO_LPS)


def _direction(grid: VoxelGrid) -> NDArray[np.float64]:
    turned = grid.affine[:3, :3] / np.linalg.norm(grid.affine[:3, :3], axis=0)
    return np.asarray(turned * _TO_LPS[:, None])
