"""What a region scores when components are matched one to one, worked out by hand; the fast rules against slow ones."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bratseval.challenge import EDITIONS, Edition, OneToOneRules, edition
from bratseval.challenge.metrics import METRICS, platform_names
from bratseval.scoring import rules_2026
from bratseval.scoring.case import score_case, worst_score
from bratseval.scoring.match_2026 import measure
from bratseval.scoring.result import ScoredCase
from factories.boxes import labels_of
from reference.slow_2026 import score_2026

SHAPE = (24, 14, 12)
MM = (1.0, 1.0, 1.0)
CUBE = (2, 6, 2, 6, 2, 6, 3)  # 64 voxels of ET, of which 56 are its border
EDITIONS_2026 = [name for name, entry in EDITIONS.items() if entry.family == "instances-2026"]


def score(prediction: np.ndarray, reference: np.ndarray, name: str = "met-2026", spacing=MM) -> ScoredCase:
    return score_case(prediction, reference, spacing, edition(name))


def test_a_cube_one_voxel_beside_its_lesion() -> None:
    values = score(labels_of(SHAPE, (3, 7, 2, 6, 2, 6, 3)), labels_of(SHAPE, CUBE)).regions["ET"]
    assert (values["all_instance_tp"], values["all_instance_fp"], values["all_instance_fn"]) == (1.0, 0.0, 0.0)
    # 3 x 4 x 4 of 64 and 64 voxels in common
    assert values["global_dsc"] == 2 * 48 / 128
    # 16 voxels of the outer face and the 4 inner ones of the opposite face are 1 away, 36 of 56 coincide, on both sides
    assert values["global_nsd"] == pytest.approx(36 / 56)
    assert values["global_hd95"] == 1.0
    # of lesions the tolerance is the shortest edge, so that all 56 are near enough
    assert (values["lesionwise_nsd_mean"], values["lesionwise_hd95_mean"]) == (1.0, 1.0)


def test_a_split_prediction_finds_its_lesion_once_and_leaves_a_spurious_part() -> None:
    reference = labels_of(SHAPE, (2, 14, 2, 4, 2, 4, 3))
    prediction = labels_of(SHAPE, (2, 7, 2, 4, 2, 4, 3), (8, 14, 2, 4, 2, 4, 3))
    case = score(prediction, reference)
    values = case.regions["ET"]
    assert (values["all_instance_tp"], values["all_instance_fp"], values["all_instance_fn"]) == (1.0, 1.0, 0.0)
    # 1 / (1 + 1/2)
    assert values["all_instance_f1"] == 1 / 1.5
    # the longer half has 24 of the lesion's 48 voxels; the mean is over the lesion and the spurious part
    assert values["lesionwise_dsc_mean"] == pytest.approx(2 * 24 / (48 + 24) / 2)
    rows = [row for row in case.lesions if row.region == "ET"]
    assert [(row.outcome, row.volume_mm3) for row in rows] == [("detected", 48.0), ("spurious", 20.0)]


def test_a_component_over_two_lesions_finds_one_and_misses_the_other() -> None:
    reference = labels_of(SHAPE, (2, 6, 2, 4, 2, 4, 3), (9, 14, 2, 4, 2, 4, 3))
    case = score(labels_of(SHAPE, (2, 14, 2, 4, 2, 4, 3)), reference)
    # 20 of the larger lesion's voxels against 16 of the other's decide
    assert [row.outcome for row in case.lesions if row.region == "ET"] == ["missed", "detected"]


def test_matching_serves_the_sum_of_dices_not_the_best_pair() -> None:
    # lesion A has 8 voxels, B 2; component 1 has 5 of A, both of B and 3 between them, component 2 has 2 of A
    reference = labels_of(SHAPE, (2, 3, 2, 3, 2, 10, 3), (6, 7, 2, 3, 2, 4, 3))
    bridge = (3, 6, 3, 4, 2, 3, 3)
    prediction = labels_of(SHAPE, (2, 3, 2, 3, 2, 7, 3), bridge, (6, 7, 2, 3, 2, 4, 3), (2, 3, 2, 3, 8, 10, 3))
    found = measure(*(np.asarray(volume.transpose(2, 1, 0) == 3) for volume in (prediction, reference)), MM)
    # A with 1: 10 / 18, the best pair, but B would be left alone; A with 2: 4 / 10, B with 1: 4 / 12, together more
    assert found.partner.tolist() == [2, 1]
    assert [found.official[n].dice for n in (1, 2)] == [4 / 10, 4 / 12]


def test_lesions_from_27_mm3_on_are_large_and_smaller_ones_only_found_or_missed() -> None:
    exactly = labels_of(SHAPE, (2, 5, 2, 5, 2, 5, 3))
    prediction = labels_of(SHAPE, (2, 5, 2, 5, 2, 4, 3))
    values = score(prediction, exactly).regions["ET"]
    # 18 of 27 and 18
    assert values["lesionwise_dsc_mean"] == 2 * 18 / 45
    assert values["large_instance_f1"] == 1.0
    assert np.isnan(values["small_instance_f1"])
    exactly[2, 2, 2] = 0  # 26 mm3
    values = score(prediction, exactly).regions["ET"]
    assert np.isnan(values["lesionwise_dsc_mean"])
    assert (values["small_instance_tp"], values["small_instance_f1"], values["large_instance_f1"]) == (1.0, 1.0, 0.0)


@pytest.mark.parametrize(("length", "found"), [(2, 1.0), (3, 0.0)])
def test_a_small_lesion_is_found_from_dice_02_on(length: int, found: float) -> None:
    # 8 voxels, one in common: 2 / (8 + 2) = 0.2, 2 / (8 + 3) < 0.2
    reference = labels_of(SHAPE, (2, 4, 2, 4, 2, 4, 3))
    values = score(labels_of(SHAPE, (3, 3 + length, 3, 4, 3, 4, 3)), reference).regions["ET"]
    assert values["all_instance_tp"] == 1.0
    assert (values["small_instance_tp"], values["small_instance_fn"]) == (found, 1 - found)


def test_spurious_voxels_of_any_size_weigh_as_much_as_a_large_lesion() -> None:
    reference = labels_of(SHAPE, CUBE)
    prediction = labels_of(SHAPE, CUBE, (10, 11, 10, 11, 10, 11, 3), (20, 21, 2, 3, 2, 3, 3))
    values = score(prediction, reference).regions["ET"]
    assert values["lesionwise_dsc_mean"] == 1 / 3
    assert values["lesionwise_hd95_mean"] == 2 * 373 / 3
    assert values["lesionwise_nsd_mean"] == 1 / 3
    assert values["large_instance_f1"] == 2 / (2 + 2)


def test_without_a_large_lesion_spurious_components_cost_nothing_in_the_lesion_mean() -> None:
    values = score(labels_of(SHAPE, CUBE), labels_of(SHAPE)).regions["ET"]
    assert np.isnan(values["lesionwise_dsc_mean"])
    assert (values["global_dsc"], values["global_nsd"], values["global_hd95"]) == (0.0, 0.0, 373.0)
    assert values["all_instance_f1"] == 0.0


def test_a_region_that_both_leave_empty_leaves_the_mean_but_was_perfect_in_2025() -> None:
    empty = labels_of(SHAPE)
    values = score(empty, empty).regions["ET"]
    names = ("all_instance_f1", "global_dsc", "global_nsd", "global_hd95", "lesionwise_dsc_mean", "small_instance_f1")
    assert all(np.isnan(values[name]) for name in names)
    values = score(empty, empty, "met-2025").regions["ET"]
    assert [values[name] for name in names[1:4]] == [1.0, 1.0, 0.0]
    assert "lesionwise_dsc_mean" not in values


def test_masks_without_a_match_are_measured_in_the_corrected_values_alone() -> None:
    # one voxel each, 3 apart along x; officially as bad as no answer
    case = score(
        labels_of(SHAPE, (5, 6, 2, 3, 2, 3, 3)), labels_of(SHAPE, (2, 3, 2, 3, 2, 3, 3)), spacing=(0.5, 1.0, 1.0)
    )
    assert case.regions["ET"]["global_hd95"] == 373.0
    assert case.corrected["ET"]["global_hd95_mm"] == 1.5
    assert case.corrected["ET"]["global_nsd_1mm"] == 0.0


def test_voxel_edges_lie_on_the_wrong_axes_officially_and_on_their_own_in_the_corrected_values() -> None:
    # two voxels each in a row along x, one in common: distances 1, 0, 0 and 1 voxel, 0.95 * 3 = 2.85 gives 1
    spacing = (0.9, 1.3, 16.0)
    case = score(labels_of(SHAPE, (3, 5, 2, 3, 2, 3, 3)), labels_of(SHAPE, (2, 4, 2, 3, 2, 3, 3)), spacing=spacing)
    # 2 * 0.9 * 1.3 * 16 = 37 mm3: large
    assert case.regions["ET"]["lesionwise_hd95_mean"] == 16.0
    assert case.corrected["ET"]["lesionwise_hd95_mean_xyz"] == 0.9
    # 0.9 is within the tolerance of the shortest edge, 16 is not: half of either side
    assert case.regions["ET"]["lesionwise_nsd_mean"] == 0.5
    assert case.corrected["ET"]["lesionwise_nsd_mean_xyz"] == 1.0
    # whole masks: officially in voxels within half a voxel
    assert (case.regions["ET"]["global_hd95"], case.regions["ET"]["global_nsd"]) == (1.0, 0.5)
    assert (case.corrected["ET"]["global_hd95_mm"], case.corrected["ET"]["global_nsd_1mm"]) == (0.9, 1.0)


def test_every_lesion_is_listed_with_its_measures_in_scan_order_along_x() -> None:
    reference = labels_of(SHAPE, (2, 6, 8, 12, 2, 6, 3), (10, 12, 2, 4, 2, 4, 3))
    case = score(labels_of(SHAPE, (2, 6, 8, 12, 2, 6, 3), (20, 21, 2, 3, 9, 10, 3)), reference)
    rows = [row for row in case.lesions if row.region == "ET"]
    # the second box starts at the same z and a smaller y
    assert [(row.number, row.outcome, row.counted, row.volume_mm3) for row in rows] == [
        (1, "missed", False, 8.0),
        (2, "detected", True, 64.0),
        (3, "spurious", True, 1.0),
    ]
    assert [(row.dice, row.hd95_mm, row.nsd) for row in rows] == [(0.0, 373.0, 0.0), (1.0, 0.0, 1.0), (0.0, 373.0, 0.0)]
    assert [row.centroid_voxels for row in rows] == [(10.5, 2.5, 2.5), (3.5, 9.5, 3.5), (20.0, 2.0, 9.0)]


def test_regions_are_those_of_the_bundled_configurations_in_their_order() -> None:
    assert {name: list(EDITIONS[name].regions) for name in EDITIONS_2026} == {
        "met-2025": ["ET", "RC", "TC", "WT"],
        "met-2026": ["ET", "RC", "TC", "WT"],
        "ped-2026": ["ET", "NETC", "CC", "ED", "TC", "WT"],
        "goat-2026": ["ET", "TC", "WT"],
        "gli-2026": ["SNFH", "ET", "NETC", "RC", "TC", "WT"],
        "men-2026": ["ET", "TC", "WT"],
        "men-rt-2026": ["GTV"],
    }
    # the resection cavity belongs to no union of MET; the oedema of PED is 4 and belongs to WT
    assert EDITIONS["met-2026"].regions["WT"].labels == {1, 2, 3}
    assert EDITIONS["ped-2026"].regions["WT"].labels == {1, 2, 3, 4}


def test_every_value_of_an_edition_has_the_platforms_name() -> None:
    empty = labels_of(SHAPE)
    for name in EDITIONS_2026:
        for values in score(empty, empty, name).regions.values():
            assert set(values) == set(platform_names(edition(name))) <= set(METRICS)
    assert len(platform_names(edition("met-2026"))) == 21
    assert len(platform_names(edition("goat-2026"))) == 7


def test_an_edition_of_another_family_is_refused() -> None:
    with pytest.raises(ValueError, match="gli-2023: is of family lesionwise-2023"):
        rules_2026.score(labels_of(SHAPE), labels_of(SHAPE), MM, edition("gli-2023"))


def test_fractions_are_cut_off_and_what_is_no_label_is_background() -> None:
    reference = labels_of(SHAPE, CUBE)
    prediction = reference.astype(np.float32)
    prediction[prediction == 3] = 3.9999
    prediction[10:14, 2:6, 2:6] = np.nan
    prediction[15:19, 2:6, 2:6] = -1
    prediction[15:19, 8:12, 2:6] = 259  # 3 in eight bits
    # as text, in which NaN equals NaN
    assert repr(score(prediction, reference)) == repr(score(reference, reference))


def test_a_missing_prediction_has_zeros_and_the_penalty_even_as_deviation() -> None:
    worst = worst_score(labels_of(SHAPE, CUBE), MM, edition("met-2026"))
    assert list(worst.regions) == ["ET", "RC", "TC", "WT"]
    for values in worst.regions.values():
        assert {name for name, value in values.items() if value == 373.0} == {
            "global_hd95",
            "lesionwise_hd95_mean",
            "lesionwise_hd95_std",
        }
        assert sum(value == 0.0 for value in values.values()) == 21 - 3
    assert worst.corrected["RC"]["global_hd95_mm"] == 373.0
    assert worst.corrected["RC"]["global_nsd_1mm"] == 0.0
    assert {row.outcome for row in worst.lesions} == {"missed"}
    assert worst_score(labels_of(SHAPE, CUBE), MM, edition("met-2025")).regions["ET"]["global_hd95"] == 374.0


def test_memory_order_changes_nothing() -> None:
    random = np.random.default_rng(3)
    prediction, reference = (random.integers(0, 4, (9, 8, 7)).astype(np.uint8) for _ in range(2))
    rules = edition("goat-2026")
    spacing = (0.9, 0.7, 2.0)
    plain = score_case(prediction, reference, spacing, rules)
    turned = score_case(np.asfortranarray(prediction), np.asfortranarray(reference), spacing, rules)
    np.testing.assert_equal(asdict(turned), asdict(plain))  # exactly, and NaN is NaN


SPACINGS = [
    MM,
    (0.5, 0.5, 0.5),
    (0.7, 0.7, 0.7),
    (2.0, 1.0, 1.0),
    (0.8593999743461609, 0.8593999743461609, 1.5),
    (1.2, 0.7, 3.1),
]


@st.composite
def pairs(draw: st.DrawFn, labels: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Two label volumes of boxes; the prediction often starts as a copy of the reference, and 0 cuts holes."""
    shape = draw(st.tuples(*[st.integers(3, 9)] * 3))
    corner = st.tuples(*(st.integers(0, side - 1) for side in shape))
    box = st.tuples(corner, st.tuples(*[st.integers(1, 5)] * 3), st.sampled_from(labels))
    reference = np.zeros(shape, np.uint8)
    _paint(reference, draw(st.lists(box, max_size=6)))
    prediction = reference.copy() if draw(st.booleans()) else np.zeros(shape, np.uint8)
    _paint(prediction, draw(st.lists(box, max_size=5)))
    return prediction, reference


def _paint(volume: np.ndarray, boxes: list) -> None:
    for start, size, label in boxes:
        volume[tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))] = label


@settings(max_examples=300, deadline=None)
@given(pairs([1, 1, 0]), st.sampled_from(SPACINGS))
def test_the_fast_rules_equal_the_slow_ones_to_the_last_bit(
    volumes: tuple[np.ndarray, np.ndarray], spacing: tuple[float, float, float]
) -> None:
    assert_as_the_slow_ones(volumes, spacing, edition("men-rt-2026"))


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(pairs([1, 1, 0]), st.sampled_from(SPACINGS))
def test_fast_and_slow_rules_agree_on_2000_volumes(
    volumes: tuple[np.ndarray, np.ndarray], spacing: tuple[float, float, float]
) -> None:
    assert_as_the_slow_ones(volumes, spacing, edition("men-rt-2026"))


@settings(max_examples=100, deadline=None)
@given(pairs([1, 2, 3, 3, 4, 0]), st.sampled_from(SPACINGS), st.sampled_from(["met-2026", "ped-2026", "gli-2026"]))
def test_so_they_do_in_editions_of_many_regions(
    volumes: tuple[np.ndarray, np.ndarray], spacing: tuple[float, float, float], name: str
) -> None:
    assert_as_the_slow_ones(volumes, spacing, edition(name))


def assert_as_the_slow_ones(
    volumes: tuple[np.ndarray, np.ndarray], spacing: tuple[float, float, float], rules: Edition
) -> None:
    # the values of `mets` besides, which the official command gives for any configuration
    rules = replace(rules, one_to_one=OneToOneRules(27.0, 0.2))
    regions = {region: marks.labels for region, marks in rules.regions.items()}
    official, corrected = score_2026(*volumes, spacing, regions, (27.0, 0.2))
    fast = score_case(*volumes, spacing, rules)
    for region in regions:
        got = fast.regions[region]
        assert got.keys() == official[region].keys()
        for key, value in official[region].items():
            assert got[key] == value or np.isnan([got[key], value]).all(), (
                f"{region} {key}: {got[key]!r}, slow {value!r}"
            )
        assert fast.corrected[region] == pytest.approx(corrected[region], rel=1e-12, nan_ok=True)
