"""The volumes and headers of tests/golden/brats_evaluation_2026.json, and what was recorded of them."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bratseval.files.nifti import VoxelGrid, grid_of
from factories.places import GOLDEN

RECORDED = GOLDEN / "brats_evaluation_2026.json"
# The bundled configuration behind each edition.
EDITION_OF = {
    "mets": "met-2026",
    "GoAT": "goat-2026",
    "ped": "ped-2026",
    "gli": "gli-2026",
    "MenPre": "men-2026",
    "MenRT": "men-rt-2026",
}


def recorded() -> dict[str, Any]:
    """Origin, cases and summaries as record_2026.py wrote them."""
    content: dict[str, Any] = json.loads(RECORDED.read_text())
    return content


def spacing_of(case: dict[str, Any]) -> tuple[float, float, float]:
    """Voxel edges as a header holds them."""
    x, y, z = (float(np.float32(edge)) for edge in case["spacing_mm"])
    return x, y, z


def volume_of(case: dict[str, Any], side: str) -> NDArray[np.generic]:
    """The prediction or the reference, (x, y, z)."""
    shape = case.get(f"{side}_shape", case["shape"])
    volume = np.zeros(shape, case.get(f"{side}_dtype", "uint8"))
    for x0, x1, y0, y1, z0, z1, label in case[side]:
        volume[x0:x1, y0:y1, z0:z1] = float(label)
    return volume


def grid_of_side(case: dict[str, Any], side: str) -> VoxelGrid:
    """Where its voxels lie."""
    x, y, z = (float(np.float32(edge)) for edge in case.get(f"{side}_spacing_mm", case["spacing_mm"]))
    affine = np.diag([x if case.get(f"{side}_flip") else -x, -y, z, 1.0])
    affine[:3, 3] = case.get(f"{side}_origin_ras_mm", [0, 0, 0])
    shape = case.get(f"{side}_shape", case["shape"])
    return grid_of((shape[0], shape[1], shape[2]), affine)
