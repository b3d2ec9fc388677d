"""What a case scores, worked out by hand, and the fast rules against slow ones."""

from dataclasses import asdict

import numpy as np
import pytest

from bratseval.challenge import EDITIONS, edition
from bratseval.errors import InputError
from bratseval.scoring.case import score_case, worst_score
from factories.boxes import labels_of
from reference.slow_2023 import score_2023

# surface-distance 0.1 takes scipy's functions from namespaces that scipy is giving up
pytestmark = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")

SHAPE = (40, 24, 20)
MM = (1.0, 1.0, 1.0)
CUBE = (4, 8, 4, 8, 4, 8, 3)  # 4 x 4 x 4 = 64 voxels of ET: above the 50 mm3 of GLI and SSA


def test_a_found_a_missed_and_a_spurious_lesion_are_averaged_over_three() -> None:
    reference = labels_of(SHAPE, CUBE, (20, 24, 4, 8, 4, 8, 3))
    prediction = labels_of(SHAPE, CUBE, (34, 35, 20, 21, 16, 17, 3))
    score = score_case(prediction, reference, MM, edition("ssa-2023"))
    values = score.regions["ET"]
    assert (values["Num_TP"], values["Num_FN"], values["Num_FP"]) == (1.0, 1.0, 1.0)
    assert values["LesionWise_Score_Dice"] == 1 / 3
    assert values["LesionWise_Score_HD95"] == 2 * 374 / 3
    # 64 of 128 voxels found; 64 + 1 answered
    assert values["Sensitivity"] == 0.5
    assert values["Legacy_Dice"] == 2 * 64 / (128 + 65)
    assert values["GT_Complete_Volume"] == 128.0


def test_every_lesion_is_listed_with_outcome_volume_and_centre() -> None:
    reference = labels_of(SHAPE, CUBE, (20, 24, 4, 8, 4, 8, 3))
    prediction = labels_of(SHAPE, CUBE, (34, 35, 20, 21, 16, 17, 3))
    score = score_case(prediction, reference, MM, edition("ssa-2023"))
    rows = [row for row in score.lesions if row.region == "ET"]
    assert [(row.number, row.outcome, row.volume_mm3, row.dice, row.hd95_mm) for row in rows] == [
        (1, "detected", 64.0, 1.0, 0.0),
        (2, "missed", 64.0, 0.0, 374.0),
        (3, "spurious", 1.0, 0.0, 374.0),
    ]
    # voxels 4..7, 20..23 and 34; the middle of four is 1.5 behind the first
    assert [row.centroid_voxels for row in rows] == [(5.5, 5.5, 5.5), (21.5, 5.5, 5.5), (34.0, 20.0, 16.0)]


def test_a_lesion_of_exactly_the_threshold_is_left_out_but_listed() -> None:
    # 5 x 5 x 2 = 50 voxels: "<=" leaves it out, so nothing is left to count
    reference = labels_of(SHAPE, (4, 9, 4, 9, 4, 6, 3))
    score = score_case(np.zeros(SHAPE, np.uint8), reference, MM, edition("ssa-2023"))
    assert score.regions["ET"]["LesionWise_Score_Dice"] == 1.0
    assert score.regions["ET"]["LesionWise_Score_HD95"] == 0.0
    assert score.regions["ET"]["Num_FN"] == 0.0
    assert score.regions["ET"]["Legacy_Dice"] == 0.0
    assert [(row.outcome, row.counted) for row in score.lesions if row.region == "ET"] == [("missed", False)]


def test_volumes_are_in_mm3() -> None:
    # 50 voxels of 2 x 1 x 1 mm are 100 mm3, above 50
    reference = labels_of(SHAPE, (4, 9, 4, 9, 4, 6, 3))
    score = score_case(reference, reference, (2.0, 1.0, 1.0), edition("ssa-2023"))
    assert score.regions["ET"]["Num_TP"] == 1.0
    assert score.lesions[0].volume_mm3 == 100.0


def test_regions_are_unions_of_labels() -> None:
    reference = labels_of(SHAPE, (4, 16, 4, 12, 4, 12, 2), (5, 13, 5, 11, 5, 11, 1), (6, 10, 6, 10, 6, 10, 3))
    volumes = {
        name: values["GT_Complete_Volume"]
        for name, values in score_case(reference, reference, MM, edition("gli-2023")).regions.items()
    }
    # 12 x 8 x 8, 8 x 6 x 6 and 4 x 4 x 4
    assert volumes == {"WT": 768.0, "TC": 288.0, "ET": 64.0}


def test_two_empty_segmentations_are_a_perfect_answer() -> None:
    empty = np.zeros(SHAPE, np.uint8)
    score = score_case(empty, empty, MM, edition("gli-2023"))
    for values in score.regions.values():
        assert (
            values["LesionWise_Score_Dice"]
            == values["Legacy_Dice"]
            == values["Sensitivity"]
            == values["Specificity"]
            == 1.0
        )
        assert values["LesionWise_Score_HD95"] == values["Legacy_HD95"] == values["Num_FP"] == 0.0
    assert score.lesions == ()


def test_metastases_count_from_three_voxels_on() -> None:
    # MET leaves out 2 mm3 and less; 3 voxels in a row count
    reference = labels_of(SHAPE, (4, 7, 4, 5, 4, 5, 3), (20, 22, 4, 5, 4, 5, 3))
    score = score_case(reference, reference, MM, edition("met-2023"))
    assert score.regions["ET"]["Num_TP"] == 1.0


def test_values_that_are_no_label_are_background() -> None:
    reference = labels_of(SHAPE, CUBE)
    prediction = reference.astype(np.float64)
    prediction[20:24, 4:8, 4:8] = 2.9999
    prediction[30:34, 4:8, 4:8] = np.nan
    prediction[20:24, 14:18, 4:8] = 4
    prediction[30:34, 14:18, 4:8] = -1
    score = score_case(prediction, reference, MM, edition("gli-2023"))
    assert all(values["LesionWise_Score_Dice"] == 1.0 for values in score.regions.values())


def test_a_missing_prediction_has_the_worst_of_every_value() -> None:
    reference = labels_of(SHAPE, CUBE)
    reference[4:8, 4:8, 4:8] = 2  # oedema only: TC and ET are empty, and still score the worst
    score = worst_score(reference, MM, edition("ssa-2023"))
    for values in score.regions.values():
        assert (
            values["LesionWise_Score_Dice"]
            == values["Legacy_Dice"]
            == values["Sensitivity"]
            == values["Specificity"]
            == 0.0
        )
        assert values["LesionWise_Score_HD95"] == values["Legacy_HD95"] == 374.0
    assert score.regions["WT"]["Num_FN"] == 1.0
    assert [row.outcome for row in score.lesions] == ["missed"]


def test_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one 3-D shape"):
        score_case(np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 5), np.uint8), MM, edition("gli-2023"))


def test_four_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="one 3-D shape"):
        score_case(np.zeros((4, 4, 4, 1), np.uint8), np.zeros((4, 4, 4, 1), np.uint8), MM, edition("gli-2023"))


def test_an_unknown_edition_is_named_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"goat-2023: is not an edition, expected one of gli-2023, .*met-2023"):
        edition("goat-2023")


def test_memory_order_changes_nothing() -> None:
    random = np.random.default_rng(3)
    prediction, reference = _blobs(random, (18, 14, 11)), _blobs(random, (18, 14, 11))
    rules = edition("met-2023")
    plain = score_case(prediction, reference, (0.9, 0.9, 2.0), rules)
    turned = score_case(np.asfortranarray(prediction), np.asfortranarray(reference), (0.9, 0.9, 2.0), rules)
    np.testing.assert_equal(asdict(turned), asdict(plain))  # exactly, and NaN is NaN


@pytest.mark.parametrize("name", ["gli-2023", "men-2023", "met-2023"])
def test_the_fast_rules_equal_the_slow_ones_to_the_last_bit(name: str) -> None:
    rules = EDITIONS[name]
    random = np.random.default_rng(sorted(EDITIONS).index(name))
    for _ in range(40):
        shape = tuple(int(n) for n in random.integers(8, 22, 3))
        spacing = [(1.0, 1.0, 1.0), (0.5, 0.5, 0.5), (0.859375, 0.859375, 1.5), (1.2, 0.7, 3.1)][random.integers(4)]
        prediction, reference = _blobs(random, shape), _blobs(random, shape)
        wt = rules.regions["WT"]
        slow = score_2023(prediction, reference, spacing, wt.merge_steps, wt.small_mm3)
        assert score_case(prediction, reference, spacing, rules).regions == slow


def _blobs(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Up to six boxes of random labels, some touching the border, and a few stray voxels."""
    labels = np.zeros(shape, np.uint8)
    for _ in range(random.integers(7)):
        start = [int(random.integers(-2, n)) for n in shape]
        size = random.integers(1, 7, 3)
        box = tuple(slice(max(0, s), max(0, s + int(n))) for s, n in zip(start, size, strict=True))
        labels[box] = random.integers(1, 4)
    for _ in range(random.integers(4)):
        labels[tuple(int(random.integers(n)) for n in shape)] = random.integers(1, 4)
    return labels
