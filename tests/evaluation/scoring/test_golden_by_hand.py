"""Golden scores of our own, worked out on paper; the arithmetic stands above its numbers. Ledger of changes: none."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from bratseval.challenge import edition
from bratseval.scoring.case import score_case
from factories.boxes import labels_of

Boxes = tuple[tuple[int, int, int, int, int, int, int], ...]
SHAPE = (40, 30, 30)  # 36 000 voxels


@dataclass(frozen=True)
class ByHand:
    """One case: what is painted, and what ET must score."""

    name: str
    reference: Boxes
    prediction: Boxes
    expected: dict[str, float]
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    edition: str = "gli-2023"
    others: dict[str, dict[str, float]] = field(default_factory=dict)


def cube(x: int, side: int = 4, label: int = 3) -> tuple[int, int, int, int, int, int, int]:
    """A cube that begins at (x, 8, 8)."""
    return (x, x + side, 8, 8 + side, 8, 8 + side, label)


CASES = (
    ByHand(
        "a cube of 10 shifted by one voxel",
        # shared 9 x 10 x 10: Dice 2 * 900 / 2000; found 900 of 1000; 100 of 35 000 background voxels taken.
        # One face of six, 17 % of the surface, is one voxel away from the other cube's, and nothing is further.
        reference=(cube(5, 10),),
        prediction=(cube(6, 10),),
        expected={
            "Legacy_Dice": 0.9,
            "LesionWise_Score_Dice": 0.9,
            "Sensitivity": 0.9,
            "Specificity": 34_900 / 35_000,
            "Legacy_HD95": 1.0,
            "LesionWise_Score_HD95": 1.0,
            "GT_Complete_Volume": 1000.0,
            "Num_TP": 1.0,
        },
    ),
    ByHand(
        "the same with voxels of 2 mm along x",
        # the face that moved is 2 mm away; 1000 voxels of 2 mm3
        reference=(cube(5, 10),),
        prediction=(cube(6, 10),),
        expected={"Legacy_Dice": 0.9, "Legacy_HD95": 2.0, "GT_Complete_Volume": 2000.0},
        spacing_mm=(2.0, 1.0, 1.0),
    ),
    ByHand(
        "a spike of 3 % of the surface",
        # 20^3 has 6 * 400 faces of voxels; 18 voxels in a row add 4 * 18 = 72, 3 %, which the 95th percentile ignores
        reference=((2, 22, 2, 22, 2, 22, 3),),
        prediction=((2, 22, 2, 22, 2, 22, 3), (22, 40, 12, 13, 12, 13, 3)),
        expected={"Legacy_HD95": 0.0, "Legacy_Dice": 2 * 8000 / (8000 + 8018)},
    ),
    ByHand(
        "two cubes 6 voxels apart are one lesion, half found",
        # each grows by 3 towards the other: they meet. Dice 2 * 64 / (64 + 128); far cube 10 mm away
        reference=(cube(4), cube(14)),
        prediction=(cube(4),),
        expected={"Num_TP": 1.0, "Num_FN": 0.0, "LesionWise_Score_Dice": 2 * 64 / 192, "LesionWise_Score_HD95": 10.0},
    ),
    ByHand(
        "two cubes 7 voxels apart are two lesions, one missed",
        # (1 + 0) / 2 and (0 + 374) / 2
        reference=(cube(4), cube(15)),
        prediction=(cube(4),),
        expected={"Num_TP": 1.0, "Num_FN": 1.0, "LesionWise_Score_Dice": 0.5, "LesionWise_Score_HD95": 187.0},
    ),
    ByHand(
        "one prediction across two lesions counts whole against each",
        # a bar of 4 x 4 x 15 = 240 voxels: 2 * 64 / (240 + 64) twice
        reference=(cube(4), cube(15)),
        prediction=((4, 19, 8, 12, 8, 12, 3),),
        expected={"Num_TP": 2.0, "Num_FP": 0.0, "LesionWise_Score_Dice": 2 * 64 / 304},
    ),
    ByHand(
        "a prediction three voxels away is a hit without overlap",
        # reached in the third round, so detected; Dice 0, and no part of it is spurious
        reference=(cube(4),),
        prediction=((10, 12, 8, 12, 8, 12, 3),),
        expected={"Num_TP": 1.0, "Num_FN": 0.0, "Num_FP": 0.0, "LesionWise_Score_Dice": 0.0, "Legacy_Dice": 0.0},
    ),
    ByHand(
        "four voxels away it is a miss and a spurious one",
        # 0 / 2 and 2 * 374 / 2
        reference=(cube(4),),
        prediction=((11, 13, 8, 12, 8, 12, 3),),
        expected={"Num_TP": 0.0, "Num_FN": 1.0, "Num_FP": 1.0, "LesionWise_Score_HD95": 374.0},
    ),
    ByHand(
        "twelve voxels of 4 mm3 are too small, and missing them costs nothing",
        # 48 mm3 <= 50
        reference=((4, 7, 8, 10, 8, 10, 3),),
        prediction=(),
        expected={"Num_FN": 0.0, "LesionWise_Score_Dice": 1.0, "LesionWise_Score_HD95": 0.0, "Legacy_Dice": 0.0},
        spacing_mm=(1.0, 1.0, 4.0),
    ),
    ByHand(
        "thirteen of them count",
        # 52 mm3 > 50
        reference=((4, 7, 8, 10, 8, 10, 3), (4, 5, 8, 9, 10, 11, 3)),
        prediction=(),
        expected={"Num_FN": 1.0, "LesionWise_Score_Dice": 0.0, "LesionWise_Score_HD95": 374.0},
        spacing_mm=(1.0, 1.0, 4.0),
    ),
    ByHand(
        "one voxel of enhancing tumour where there is none",
        # ET: nothing to find, one spurious. WT: 216 voxels found by 217, the stray one apart: (2*216/432 + 0) / 2
        reference=(cube(4, 6, label=2),),
        prediction=(cube(4, 6, label=2), (30, 31, 8, 9, 8, 9, 3)),
        expected={"Num_FP": 1.0, "LesionWise_Score_Dice": 0.0, "LesionWise_Score_HD95": 374.0, "Legacy_Dice": 0.0},
        others={"WT": {"LesionWise_Score_Dice": 0.5, "Legacy_Dice": 2 * 216 / 433, "Num_TP": 1.0}},
    ),
    ByHand(
        "metastases grow by one voxel: two voxels between two lesions join them",
        # 1 + 1 meet; of 2 * 27 voxels 27 are found: 2 * 27 / (27 + 54)
        reference=(cube(4, 3), cube(9, 3)),
        prediction=(cube(4, 3),),
        expected={"Num_TP": 1.0, "Num_FN": 0.0, "LesionWise_Score_Dice": 2 * 27 / 81},
        edition="met-2023",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_score_on_paper_is_the_score(case: ByHand) -> None:
    reference, prediction = (labels_of(SHAPE, *boxes) for boxes in (case.reference, case.prediction))
    score = score_case(prediction, reference, case.spacing_mm, edition(case.edition))
    for region, expected in {"ET": case.expected, **case.others}.items():
        got = {name: score.regions[region][name] for name in expected}
        assert got == pytest.approx(expected, rel=1e-12), region


def test_turning_a_case_round_turns_nothing_in_its_score() -> None:
    case = CASES[3]
    reference, prediction = (labels_of(SHAPE, *boxes) for boxes in (case.reference, case.prediction))
    straight = score_case(prediction, reference, (1.0, 1.0, 1.0), edition("gli-2023"))
    turned = score_case(
        np.ascontiguousarray(prediction.transpose(2, 0, 1)[::-1]),
        np.ascontiguousarray(reference.transpose(2, 0, 1)[::-1]),
        (1.0, 1.0, 1.0),
        edition("gli-2023"),
    )
    assert turned.regions == straight.regions
