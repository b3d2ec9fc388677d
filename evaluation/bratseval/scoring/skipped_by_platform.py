"""Why an official run of BraTS_evaluation would skip a case. Arrays and grids in, a reason out.

A skipped case is left out of the platform's mean without a penalty, and the participant
is not informed, so it is good to know beforehand.
"""

from typing import Final

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition
from bratseval.files.nifti import VoxelGrid

# panoptica 2.1.7 sums the signed differences of an origin (or direction) and rejects a case with more than this.
MAX_SIGNED_SUM: Final = 1e-5
_TO_LPS: Final = np.array([-1.0, -1.0, 1.0])  # NIfTI's axes point right and to the front, ITK's left and to the back


def skip_reason(
    prediction: NDArray[np.generic],
    reference: NDArray[np.generic],
    grids: tuple[VoxelGrid, VoxelGrid],
    edition: Edition,
) -> str | None:
    """Why an official run of the family "instances-2026" does not score a case; None if it does.

    The checks are those of panoptica 2.1.7 through SimpleITK, in its order and with its
    faults: origins and directions may differ if the signed differences sum to zero or less,
    and voxel edges must be equal to the last bit.

    Args:
        prediction, reference: labels (x, y, z), any numeric type.
        grids: of the prediction and of the reference.
        edition: its regions say which labels are defined.
    """
    return (
        _grid_reason(*grids)
        or _value_reason("prediction", prediction, edition)
        or _value_reason("reference", reference, edition)
    )


def _grid_reason(prediction: VoxelGrid, reference: VoxelGrid) -> str | None:
    if prediction.shape != reference.shape:
        got, expected = ("x".join(map(str, grid.shape)) for grid in (prediction, reference))
        return f"the prediction has {got} voxels, expected {expected} as the reference has. Save it on the case's grid."
    off = float((_origin(prediction) - _origin(reference)).sum())
    if off > MAX_SIGNED_SUM:
        return f"the prediction's origin is off by {off:g} mm in sum, expected the reference's. Keep the case's affine."
    edges = _edges_mm(prediction), _edges_mm(reference)
    if edges[0] != edges[1]:
        got, expected = ("x".join(f"{edge:.9g}" for edge in side) for side in edges)
        return f"the prediction's voxels are {got} mm, expected exactly {expected} mm. Keep the case's header."
    off = float((_direction(prediction) - _direction(reference)).sum())
    if off > MAX_SIGNED_SUM:
        return f"the prediction's axes are off by {off:g} in sum, expected the reference's. Keep the case's affine."
    return None


def _value_reason(side: str, volume: NDArray[np.generic], edition: Edition) -> str | None:
    known = {0}.union(*(rules.labels for rules in edition.regions.values()))
    if volume.dtype == np.uint8 and known == set(range(len(known))) and int(volume.max(initial=0)) < len(known):
        return None  # the usual file, seen in one fast pass
    found = np.unique(volume)
    found = found[~np.isnan(found) & (found != np.inf)]  # both become 0 when the official code casts them
    if (found < 0).any():
        return f"the {side} contains {found.min():g}, expected no negative value. Save labels from 0 on."
    unknown = sorted({int(value) for value in found} - known)  # fractions are truncated, as there
    if unknown:
        got, expected = (", ".join(map(str, labels)) for labels in (unknown, sorted(known)))
        noun = "label" if len(unknown) == 1 else "labels"
        return f"the {side} contains the {noun} {got}, expected only {expected}. Save this challenge's labels."
    return None


def _edges_mm(grid: VoxelGrid) -> tuple[float, ...]:
    return tuple(float(edge) for edge in nib.Nifti1Header(grid.header, check=False)["pixdim"][1:4])


def _origin(grid: VoxelGrid) -> NDArray[np.float64]:
    return np.asarray(grid.affine[:3, 3] * _TO_LPS)


def _direction(grid: VoxelGrid) -> NDArray[np.float64]:
    turned = grid.affine[:3, :3] / np.linalg.norm(grid.affine[:3, :3], axis=0)
    return np.asarray(turned * _TO_LPS[:, None])
