"""Numbers recorded from the official scripts of 2024 and 2025 on made volumes, equal to the last bit.

Small volumes with boxes at borders and neighbours of all tissues, and larger ones with many clusters, where lesions of
one tissue join those of another; 18 of 42 have anisotropic voxels. Origin and pins are in the file.
Ledger of changes: none.
"""

import json
from typing import Any

import numpy as np
import pytest

from bratseval.challenge import edition
from bratseval.scoring.case import score_case
from factories.places import GOLDEN

RECORDED: dict[str, Any] = json.loads((GOLDEN / "official_lesionwise_2024_2025.json").read_text("utf-8"))
CASES = {
    **dict.fromkeys(("gli-2025", "ssa-2025", "met-2025-lesionwise", "ped-2025", "men-2025", "men-rt-2025"), 14),
    **dict.fromkeys(("gli-2024", "ssa-2024", "met-2024"), 14),
    **dict.fromkeys(("ped-2024", "men-rt-2024"), 8),
}
VOLUMES = {volume["name"]: volume for volume in RECORDED["volumes"]}


def painted(volume: dict[str, Any], side: str) -> np.ndarray:
    values = np.zeros(volume["shape"], volume["dtype"])
    for x0, x1, y0, y1, z0, z1, value in volume[side]:
        values[x0:x1, y0:y1, z0:z1] = value
    return values


def test_every_script_of_both_years_is_recorded() -> None:
    assert {name: len(cases) for name, cases in RECORDED["editions"].items()} == CASES


@pytest.mark.parametrize("name", RECORDED["editions"])
def test_recorded_numbers_are_equal_to_the_last_bit(name: str) -> None:
    rules = edition(name)
    keys = [key for key in RECORDED["values"] if "NSD" not in key or rules.nsd_tolerances_mm]
    for case, expected in RECORDED["editions"][name].items():
        volume = VOLUMES[case]
        x, y, z = (float(np.float32(mm)) for mm in volume["spacing"])  # as a header stores it
        score = score_case(painted(volume, "pred"), painted(volume, "gt"), (x, y, z), rules)
        got = {region: [values[key] for key in keys] for region, values in score.regions.items()}
        assert got == expected, case
