"""The rows below the table, worked out by hand. Against the official ones: tests/test_golden_2026.py."""

import math

import numpy as np
import pytest

from boxes import labels_of
from bratseval.challenge import edition
from bratseval.instance_summary import summarise
from bratseval.scoring import CaseScore, score_case

SHAPE = (14, 12, 10)
CUBE = labels_of(SHAPE, (2, 6, 2, 6, 2, 6, 3))
EMPTY = labels_of(SHAPE)
RULES = edition("met-2026")


def score(prediction: np.ndarray, reference: np.ndarray) -> CaseScore:
    return score_case(prediction, reference, (1.0, 1.0, 1.0), RULES)


def test_mean_deviation_and_median_of_the_cases_that_have_a_value() -> None:
    rows = summarise([score(CUBE, CUBE), score(EMPTY, EMPTY), score(EMPTY, CUBE)], RULES).official
    # 1, NaN and 0: n is 2, the deviation of a sample is sqrt(2 * 0.5^2 / 1)
    assert [rows[row]["global_dsc_et"] for row in ("mean", "std", "median")] == [0.5, math.sqrt(0.5), 0.5]
    # label 4 is nowhere
    assert all(math.isnan(rows[row]["global_dsc_rc"]) for row in ("mean", "std", "median"))
    # nothing to find, nothing found: still a value
    assert rows["mean"]["all_instance_tp_et"] == 1 / 3


def test_one_case_has_no_deviation() -> None:
    rows = summarise([score(CUBE, CUBE)], RULES).official
    assert rows["mean"]["global_dsc_et"] == 1.0
    assert math.isnan(rows["std"]["global_dsc_et"])


def test_a_missing_prediction_counts_in_every_region_with_the_worst_values() -> None:
    rows = summarise([score(CUBE, CUBE)], RULES, missing=1).official
    assert rows["mean"]["global_dsc_et"] == 0.5
    assert rows["mean"]["global_hd95_et"] == 373 / 2
    assert rows["mean"]["global_dsc_rc"] == 0.0
    # 0.0.8 takes the deviation of HD95 for an HD95
    assert rows["mean"]["lesionwise_hd95_std_et"] == 373 / 2
    assert rows["mean"]["lesionwise_dsc_std_et"] == 0.0


def test_a_refused_case_leaves_the_official_mean_and_stays_in_the_corrected_one() -> None:
    summary = summarise([score(CUBE, CUBE)], RULES, refused=3)
    assert summary.official["mean"]["global_dsc_et"] == 1.0
    assert summary.corrected["mean"]["global_dsc_et"] == 0.25
    assert summary.corrected["mean"]["lesionwise_hd95_mean_et"] == 3 * 373 / 4
    assert summary.corrected["mean"]["lesionwise_hd95_std_et"] == 0.0


def test_corrected_values_have_columns_of_their_own() -> None:
    summary = summarise([score(CUBE, CUBE)], RULES, missing=1)
    names = {"global_hd95_mm_et", "global_nsd_1mm_et", "lesionwise_hd95_mean_xyz_et", "lesionwise_nsd_mean_xyz_et"}
    assert not names & set(summary.official["mean"])
    assert names <= set(summary.corrected["mean"])
    assert summary.corrected["mean"]["global_hd95_mm_et"] == 373 / 2


def test_columns_stand_in_the_platforms_order() -> None:
    columns = list(summarise([score(CUBE, CUBE)], RULES).official["mean"])
    assert columns[:5] == [
        f"{name}_et"
        for name in ("all_instance_tp", "all_instance_fp", "all_instance_fn", "all_instance_f1", "large_instance_tp")
    ]
    assert columns[21] == "all_instance_tp_rc"


def test_no_case_at_all_gives_nan() -> None:
    rows = summarise([], RULES).official
    assert all(math.isnan(value) for row in rows.values() for value in row.values())
    assert rows["mean"].keys() == summarise([score(CUBE, CUBE)], RULES).official["mean"].keys()
    assert summarise([], RULES, missing=2).official["mean"]["global_hd95_et"] == pytest.approx(373)
