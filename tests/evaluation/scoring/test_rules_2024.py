"""The rules of 2024 and 2025: cases worked out by hand, and the fast code against the slow one."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bratseval.challenge import edition
from bratseval.challenge.metrics import METRICS, platform_names
from bratseval.scoring.case import score_case, worst_score
from bratseval.scoring.merge_2024 import joined_numbers
from bratseval.scoring.result import ScoredCase
from factories.boxes import labels_of
from factories.volumes import Made, made
from reference.slow_2024 import CHALLENGES, score_2024

# surface-distance 0.1 takes scipy's functions from namespaces that scipy is giving up
pytestmark = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")

SHAPE = (40, 24, 20)
VOXELS = 40 * 24 * 20
MM = (1.0, 1.0, 1.0)
EMPTY = np.zeros(SHAPE, np.uint8)
CUBE = (4, 8, 4, 8, 4, 8)  # 4 x 4 x 4 = 64 voxels, 4 * 4 * 4 - 2 * 2 * 2 = 56 of them on the border
PERFECT_NSD = 2 / (2 + 1e-8)


def values_of(prediction: np.ndarray, reference: np.ndarray, name: str, region: str) -> dict[str, float]:
    return dict(score_case(prediction, reference, MM, edition(name)).regions[region])


# Predictions


@pytest.mark.parametrize(("gap", "spurious"), [(6, 1), (7, 2)])
def test_predicted_parts_six_voxels_apart_are_one_spurious_lesion(gap: int, spurious: int) -> None:
    # SSA dilates by 3 on both sides: 3 + 3 = 6
    prediction = labels_of(SHAPE, (*CUBE, 3), (8 + gap, 12 + gap, 4, 8, 4, 8, 3))
    assert values_of(prediction, EMPTY, "ssa-2024", "ET")["Num_FP"] == spurious
    assert values_of(prediction, EMPTY, "ssa-2023", "ET")["Num_FP"] == 2


@pytest.mark.parametrize(("depth", "spurious"), [(2, 0), (3, 1)])
def test_a_predicted_lesion_of_at_most_fifty_voxels_is_deleted(depth: int, spurious: int) -> None:
    # 5 x 5 x 2 = 50 and 5 x 5 x 3 = 75 voxels; in 2023 either is spurious
    prediction = labels_of(SHAPE, (4, 9, 4, 9, 4, 4 + depth, 3))
    assert values_of(prediction, EMPTY, "ssa-2024", "ET")["Num_FP"] == spurious
    assert values_of(prediction, EMPTY, "ssa-2023", "ET")["Num_FP"] == 1


def test_small_predicted_parts_are_weighed_together_after_merging() -> None:
    # 2 x (3 x 3 x 3) = 54 voxels, gap 2: one lesion above 50
    prediction = labels_of(SHAPE, (4, 7, 4, 7, 4, 7, 3), (9, 12, 4, 7, 4, 7, 3))
    assert values_of(prediction, EMPTY, "ssa-2024", "ET")["Num_FP"] == 1.0


def test_a_deleted_prediction_finds_nothing() -> None:
    reference = labels_of(SHAPE, (*CUBE, 3))
    prediction = labels_of(SHAPE, (4, 8, 4, 8, 4, 7, 3))  # 48 of 64 voxels
    values = values_of(prediction, reference, "ssa-2024", "ET")
    assert (values["Num_TP"], values["Num_FN"], values["Num_FP"]) == (0.0, 1.0, 0.0)
    assert values["LesionWise_Score_Dice"] == values["Legacy_Dice"] == 0.0
    corrected = score_case(prediction, reference, MM, edition("ssa-2024")).corrected["ET"]
    # what was really predicted: 2 * 48 / (48 + 64), and 48 of 64 found
    assert corrected["Whole_Dice"] == 96 / 112
    assert corrected["Whole_Sensitivity"] == 0.75


def test_predictions_are_filtered_in_voxels_and_references_in_mm3() -> None:
    # 4 x 4 x 4 = 64 voxels of 0.5 mm: kept as a prediction; 8 mm3: left out as a reference
    cube = labels_of(SHAPE, (*CUBE, 3))
    half = (0.5, 0.5, 0.5)
    assert score_case(cube, EMPTY, half, edition("ssa-2025")).regions["ET"]["Num_FP"] == 1.0
    assert score_case(cube, cube, half, edition("ssa-2025")).regions["ET"]["Num_TP"] == 0.0


def test_radiotherapy_filters_predictions_in_mm3_too() -> None:
    # 0.125 mm3 a voxel: 400 voxels are 50 mm3, deleted; 8 x 8 x 7 = 448 are 56 mm3, kept
    half = (0.5, 0.5, 0.5)
    small, large = labels_of(SHAPE, (4, 12, 4, 14, 4, 9, 1)), labels_of(SHAPE, (4, 12, 4, 12, 4, 11, 1))
    assert score_case(small, EMPTY, half, edition("men-rt-2025")).regions["GTV"]["Num_FP"] == 0.0
    assert score_case(large, EMPTY, half, edition("men-rt-2025")).regions["GTV"]["Num_FP"] == 1.0


# Lesions of several tissues

BAR = (4, 20, 8, 10, 4, 8)  # runs beside both cubes, 16 * 2 * 4 = 128 voxels
SECOND = (16, 20, 4, 8, 4, 8)  # 8 voxels behind the first cube


def test_enhancing_lesions_beside_one_necrosis_are_one() -> None:
    apart = labels_of(SHAPE, (*CUBE, 3), (*SECOND, 3))
    joined = labels_of(SHAPE, (*BAR, 1), (*CUBE, 3), (*SECOND, 3))
    for name in ("ssa-2024", "met-2024", "gli-2024"):
        assert values_of(apart, apart, name, "ET")["Num_TP"] == 2.0
        assert values_of(joined, joined, name, "ET")["Num_TP"] == 1.0


def test_oedema_joins_no_enhancing_lesions() -> None:
    beside = labels_of(SHAPE, (*BAR, 2), (*CUBE, 3), (*SECOND, 3))
    assert values_of(beside, beside, "ssa-2024", "ET")["Num_TP"] == 2.0
    assert values_of(beside, beside, "gli-2024", "ET")["Num_TP"] == 2.0


def test_a_cavity_joins_lesions_of_glioma_alone() -> None:
    beside = labels_of(SHAPE, (*BAR, 4), (*CUBE, 3), (*SECOND, 3))
    assert values_of(beside, beside, "gli-2025", "ET")["Num_TP"] == 1.0
    assert values_of(beside, beside, "met-2025-lesionwise", "ET")["Num_TP"] == 2.0


def test_a_corner_is_no_contact_and_an_edge_is() -> None:
    edge = labels_of(SHAPE, (4, 20, 8, 10, 8, 10, 1), (*CUBE, 3), (*SECOND, 3))
    corners = labels_of(SHAPE, (8, 16, 8, 10, 8, 10, 1), (*CUBE, 3), (*SECOND, 3))
    assert values_of(edge, edge, "ssa-2024", "ET")["Num_TP"] == 1.0
    assert values_of(corners, corners, "ssa-2024", "ET")["Num_TP"] == 2.0


def test_a_lesion_goes_with_the_first_that_it_touches() -> None:
    # 1 touches 1 and 2, so it goes with 1; 2 touches 2 alone: they stay apart, behind all others
    assert joined_numbers(2, [[(1, 1), (1, 2), (2, 2)]]).tolist() == [3, 4]
    assert joined_numbers(2, [[(1, 1), (1, 2), (2, 1)]]).tolist() == [3, 3]


def test_joined_lesions_are_numbered_behind_the_others() -> None:
    assert joined_numbers(3, [[(1, 5), (3, 5)]]).tolist() == [4, 2, 4]
    # a second tissue starts from there: 2 and the group 4 touch its lesion 1
    assert joined_numbers(3, [[(1, 5), (3, 5)], [(2, 1), (3, 1)]]).tolist() == [5, 5, 5]


def test_a_single_touching_pair_changes_no_number() -> None:
    assert joined_numbers(3, [[(2, 1)]]).tolist() == [1, 2, 3]


@pytest.mark.parametrize(("label", "region", "lesions"), [(1, "NETC", 1), (2, "SNFH", 2), (3, "ET", 2), (4, "RC", 1)])
def test_necrosis_and_cavity_merge_over_ten_voxels_and_a_typo_keeps_oedema_at_six(
    label: int, region: str, lesions: int
) -> None:
    apart = labels_of(SHAPE, (*CUBE, label), (*SECOND, label))  # gap 8: 3 + 3 < 8 <= 5 + 5
    assert values_of(apart, apart, "gli-2024", region)["Num_TP"] == lesions


# Values of whole regions


def test_lesion_numbers_in_place_of_ones_spoil_sensitivity_and_specificity() -> None:
    both = labels_of(SHAPE, (*CUBE, 3), (*SECOND, 3))
    score = score_case(both, both, MM, edition("ssa-2025"))
    values, corrected = score.regions["ET"], score.corrected["ET"]
    # numbers 1 and 2, 64 voxels each: 64 agree on 1, the sum of numbers is 64 + 2 * 64 = 192
    assert values["Sensitivity"] == 64 / 192
    # not 1 on both sides: all but 64; "false positives": 192 - 64
    assert values["Specificity"] == (VOXELS - 64) / (VOXELS - 64 + 128)
    assert values["Legacy_Dice"] == values["LesionWise_Score_Dice"] == 1.0
    assert corrected["Whole_Sensitivity"] == corrected["Whole_Specificity"] == corrected["Whole_Dice"] == 1.0
    assert corrected["Whole_HD95"] == 0.0
    assert corrected["Whole_NSD_1.0"] == PERFECT_NSD


def test_a_number_above_one_makes_the_inside_of_a_lesion_part_of_its_surface() -> None:
    # A speck of 3 voxels, which MET keeps, is number 1, so the cube is number 2; in the reference it is number 1.
    # Twice the code 255 of a window inside the cube is 254 modulo 256, which is no longer "inside": 5^3 windows more.
    reference = labels_of(SHAPE, (10, 16, 10, 16, 10, 16, 2))
    prediction = labels_of(SHAPE, (1, 4, 1, 2, 1, 2, 2), (10, 16, 10, 16, 10, 16, 2))
    score = score_case(prediction, reference, MM, edition("met-2025-lesionwise"))
    slow = score_2024(prediction, reference, MM, CHALLENGES["met-2025"])
    assert score.regions["WT"]["Legacy_HD95"] == slow["WT"]["Legacy_HD95"]
    assert score.regions["WT"]["Legacy_HD95"] > score.corrected["WT"]["Whole_HD95"]


def test_a_value_between_two_labels_counts_in_the_whole_tumour_alone() -> None:
    reference = labels_of(SHAPE, (*CUBE, 3))
    prediction = reference * np.float32(2.9999 / 3)
    score = score_case(prediction, reference, MM, edition("gli-2024"))
    assert score.regions["WT"]["LesionWise_Score_Dice"] == 1.0
    assert score.regions["TC"]["LesionWise_Score_Dice"] == score.regions["ET"]["LesionWise_Score_Dice"] == 0.0
    # PED: the core is 1 to 3 as a range too
    score = score_case(prediction, reference, MM, edition("ped-2024"))
    assert score.regions["WT"]["LesionWise_Score_Dice"] == score.regions["TC"]["LesionWise_Score_Dice"] == 1.0
    assert score.regions["CC"]["LesionWise_Score_Dice"] == 0.0
    # MEN counts as in 2023
    score = score_case(prediction, reference, MM, edition("men-2025"))
    assert score.regions["WT"]["LesionWise_Score_Dice"] == 0.0


def test_byte_values_of_no_label_are_background() -> None:
    reference = labels_of(SHAPE, (*CUBE, 3))
    prediction = labels_of(SHAPE, (*CUBE, 3), (20, 30, 4, 14, 4, 14, 129), (20, 30, 14, 24, 4, 14, 130))
    assert values_of(prediction, reference, "gli-2024", "WT")["Num_FP"] == 0.0


# Penalties and means


@pytest.mark.parametrize(
    ("name", "region", "penalty"),
    [
        ("gli-2024", "ET", 337.0),
        ("ssa-2025", "ET", 374.0),
        ("met-2024", "ET", 374.0),
        # sqrt(40^2 + 24^2 + 20^2), in voxels whatever their size
        ("met-2025-lesionwise", "ET", math.sqrt(2576)),
        ("ped-2025", "CC", 374.0),
        ("men-2025", "ET", 374.0),
    ],
)
def test_a_missed_lesion_has_the_penalty(name: str, region: str, penalty: float) -> None:
    reference = labels_of(SHAPE, (*CUBE, 3))
    score = score_case(EMPTY, reference, (2.0, 1.0, 1.0), edition(name))
    assert score.regions[region]["LesionWise_Score_HD95"] == score.regions[region]["Legacy_HD95"] == penalty
    assert [row.hd95_mm for row in score.lesions if row.region == region] == [penalty]


def test_radiotherapy_leaves_spurious_lesions_out_of_the_means() -> None:
    reference = labels_of(SHAPE, (*CUBE, 1))
    prediction = labels_of(SHAPE, (*CUBE, 1), (*SECOND, 1))
    score = score_case(prediction, reference, MM, edition("men-rt-2025"))
    values = score.regions["GTV"]
    assert (values["Num_TP"], values["Num_FP"]) == (1.0, 1.0)
    assert values["LesionWise_Score_Dice"] == 1.0
    assert values["LesionWise_Score_HD95"] == 0.0
    assert [(row.outcome, row.counted) for row in score.lesions] == [("detected", True), ("spurious", False)]


def test_radiotherapy_without_a_lesion_is_perfect_whatever_is_predicted() -> None:
    values = values_of(labels_of(SHAPE, (*CUBE, 1)), EMPTY, "men-rt-2024", "GTV")
    assert (values["LesionWise_Score_Dice"], values["LesionWise_Score_HD95"], values["Num_FP"]) == (1.0, 0.0, 1.0)


def test_nsd_of_a_cube_and_its_shift_by_one_voxel() -> None:
    # 12 border voxels of each of the three common layers are on both borders: 36 of 56, the rest is 1 mm away
    reference, prediction = labels_of(SHAPE, (*CUBE, 3)), labels_of(SHAPE, (5, 9, 4, 8, 4, 8, 3))
    score = score_case(prediction, reference, MM, edition("ssa-2025"))
    half = (36 / 56 + 36 / 56) / (36 / 56 + 36 / 56 + 20 / 56 + 20 / 56 + 1e-8)
    for name in ("Legacy NSD @ {}", "LesionWise_Score_NSD @ {}"):
        assert score.regions["ET"][name.format(0.5)] == half
        assert score.regions["ET"][name.format(1.0)] == PERFECT_NSD
    lesion = next(row for row in score.lesions if row.region == "ET")
    assert (lesion.nsd_at_half_mm, lesion.nsd_at_1_mm) == (half, PERFECT_NSD)


def test_a_missed_and_a_spurious_lesion_share_the_mean_of_nsd() -> None:
    reference = labels_of(SHAPE, (*CUBE, 3), (*SECOND, 3))
    prediction = labels_of(SHAPE, (*CUBE, 3), (30, 34, 14, 18, 10, 14, 3))
    values = values_of(prediction, reference, "ssa-2025", "ET")
    assert values["LesionWise_Score_NSD @ 1.0"] == PERFECT_NSD / 3
    assert values["LesionWise_Score_HD95"] == 2 * 374 / 3


def test_editions_of_2024_have_no_nsd() -> None:
    score = score_case(EMPTY, labels_of(SHAPE, (*CUBE, 3)), MM, edition("ssa-2024"))
    assert not any(METRICS[key].kind == "nsd" for key in (*score.regions["ET"], *score.corrected["ET"]))
    assert math.isnan(score.lesions[0].nsd_at_1_mm)
    assert set(platform_names(edition("ssa-2024"))) == set(score.regions["ET"])


def test_every_value_of_2025_has_a_platform_name() -> None:
    for name in ("gli-2025", "men-2025", "men-rt-2025"):
        score = score_case(EMPTY, EMPTY, MM, edition(name))
        assert all(set(values) == set(platform_names(edition(name))) for values in score.regions.values())


def test_two_empty_segmentations_are_a_perfect_answer() -> None:
    for name in ("gli-2025", "ssa-2025", "met-2025-lesionwise", "ped-2025", "men-rt-2025"):
        for values in score_case(EMPTY, EMPTY, MM, edition(name)).regions.values():
            zero = {"Num_TP", "Num_FP", "Num_FN", "GT_Complete_Volume", "Legacy_HD95", "LesionWise_Score_HD95"}
            assert {key: value for key, value in values.items() if value != 1.0} == dict.fromkeys(zero, 0.0)


def test_a_missing_prediction_has_the_worst_of_every_value() -> None:
    worst = worst_score(labels_of(SHAPE, (*CUBE, 1)), MM, edition("men-rt-2025"))
    penalty = math.sqrt(2576)
    assert dict(worst.regions["GTV"]) == {
        "Num_TP": 0.0,
        "Num_FP": 0.0,
        "Num_FN": 1.0,
        "GT_Complete_Volume": 64.0,
        "Legacy_HD95": penalty,
        "LesionWise_Score_HD95": penalty,
        **dict.fromkeys(("Sensitivity", "Specificity", "Legacy_Dice", "LesionWise_Score_Dice"), 0.0),
        **{f"{name} @ {mm}": 0.0 for name in ("Legacy NSD", "LesionWise_Score_NSD") for mm in (0.5, 1.0)},
    }
    assert worst.corrected["GTV"]["Whole_HD95"] == penalty
    assert sum(worst.corrected["GTV"].values()) == penalty


# Fast against slow

EXAMPLES = {
    "gli-2025": "gli",
    "gli-2024": "gli",
    "ssa-2025": "ssa",
    "ssa-2024": "ssa",
    "met-2025-lesionwise": "met-2025",
    "met-2024": "met-2024",
    "ped-2025": "ped",
    "ped-2024": "ped",
    "men-rt-2025": "men-rt",
    "men-rt-2024": "men-rt",
}


def assert_equals_slow(case: Made, name: str) -> ScoredCase:
    fast = score_case(case.prediction, case.reference, case.spacing, edition(name))
    slow = score_2024(case.prediction, case.reference, case.spacing, CHALLENGES[EXAMPLES[name]])
    if not edition(name).nsd_tolerances_mm:
        slow = {
            region: {key: value for key, value in values.items() if "NSD" not in key} for region, values in slow.items()
        }
    assert fast.regions == slow
    return fast


SETTINGS = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", EXAMPLES)
@settings(SETTINGS, max_examples=40)
@given(case=made())
def test_the_fast_rules_equal_the_slow_ones_to_the_last_bit(name: str, case: Made) -> None:
    assert_equals_slow(case, name)


@pytest.mark.slow  # 2,200 volumes over the editions
@pytest.mark.parametrize("name", EXAMPLES)
@settings(SETTINGS, max_examples=220)
@given(case=made())
def test_fast_and_slow_rules_agree_on_2200_volumes(name: str, case: Made) -> None:
    assert_equals_slow(case, name)


@settings(SETTINGS, max_examples=40)
@given(case=made(), name=st.sampled_from(sorted(EXAMPLES)))
def test_memory_order_and_number_format_change_nothing(case: Made, name: str) -> None:
    plain = score_case(case.prediction, case.reference, case.spacing, edition(name))
    turned = np.asfortranarray(case.prediction.astype(np.float64)), np.asfortranarray(case.reference)
    assert repr(score_case(*turned, case.spacing, edition(name))) == repr(plain)
