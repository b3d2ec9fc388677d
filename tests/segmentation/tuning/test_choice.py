"""Which thresholds and shares are taken, and what they are said to be worth."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bratseg.inference.ensemble import paint
from bratseg.inference.out_of_fold import OutOfFoldPrediction
from bratseg.inference.splits import Split, fold_of_cases, read_splits
from bratseg.models.member import Outputs
from bratseg.tuning.choice import best_point, choose, interval_of
from bratseg.tuning.grid import NOTHING, ThresholdGrid
from bratseg.tuning.search import CaseTable
from bratseg.tuning.shares import choose_shares, paint_mean, score_shares, share_grid
from bratseval.challenge import EDITIONS
from bratseval.errors import InputError
from factories.boxes import labels_of
from factories.members import LABELS, REGIONS

SMALL = ThresholdGrid((0.0, 25.0, 50.0), (0.0, 0.05))


def means(**points: float) -> NDArray[np.float64]:
    """0.5 everywhere but at the points named: `means(p0120=0.9)`."""
    values = np.full(SMALL.shape, 0.5)
    for name, value in points.items():
        a, b, c, d = map(int, name[1:])
        values[a, b, c, d] = value
    return values


def table(values: NDArray[np.float64]) -> CaseTable:
    """A case with a variant of its own for every triple of sizes, and one region."""
    sizes = values.shape[:3]
    variants = int(np.prod(sizes))
    dice = np.stack([values[..., 0].reshape(-1), values[..., 1].reshape(-1)])[..., None]
    redefined = np.tile(np.array([False, True]), (variants, 1))
    return CaseTable(("WT",), np.arange(variants).reshape(sizes), redefined, dice, 100 - 100 * dice)


def test_of_equally_good_points_the_one_with_fewest_steps_is_taken() -> None:
    # 0.90005 is within 1e-4 of 0.9001; steps from none: 3, 2, 2; of the last two the smaller ratio
    better = means(p2010=0.9001, p1001=0.90005, p0110=0.90005)
    assert best_point(better, 1e-4, SMALL) == (0, 1, 1, 0)


def test_an_improvement_must_exceed_eps() -> None:
    assert best_point(means(p1000=0.5001), 1e-4, SMALL) == NOTHING
    assert best_point(means(p1000=0.5002), 1e-4, SMALL) == (1, 0, 0, 0)


def test_a_cluster_of_fewer_than_five_has_the_global_thresholds() -> None:
    # five cases that gain 0.2 by (1, 0, 0, 0), four that gain 0.1 by (0, 1, 0, 0): globally 5 x 0.2 > 4 x 0.1
    tables = [table(means(p1000=0.7))] * 5 + [table(means(p0100=0.6))] * 4
    choice = choose(tables, [0] * 5 + [1] * 4, [True] * 9, "dice", SMALL)
    assert [(each.point, each.cases, each.own) for each in choice.clusters] == [
        ((1, 0, 0, 0), 5, True),
        ((1, 0, 0, 0), 4, False),
    ]
    # 5 of 9 cases have 0.7 in place of 0.5, the others stay
    assert choice.worth.before == 0.5
    assert choice.worth.tuned == pytest.approx(0.5 + 0.2 * 5 / 9)


def test_each_cluster_has_its_own_where_it_is_large_enough() -> None:
    tables = [table(means(p1000=0.7))] * 6 + [table(means(p0100=0.6))] * 6
    choice = choose(tables, [0] * 6 + [1] * 6, [True] * 12, "dice", SMALL)
    assert [each.point for each in choice.clusters] == [(1, 0, 0, 0), (0, 1, 0, 0)]
    # five others of the same kind choose the same, so leaving one out costs nothing
    assert choice.worth.leave_one_out == choice.worth.tuned == pytest.approx(0.65)
    assert choice.worth.gain
    assert 0.1 < choice.worth.interval[0] < 0.15 < choice.worth.interval[1] < 0.2


def test_what_only_one_case_wants_is_no_gain() -> None:
    # in-sample the one case moves the mean by 0.4 / 6; without it the others want nothing, and it gets nothing
    tables = [table(means(p2000=0.9))] + [table(means())] * 5
    choice = choose(tables, [0] * 6, [True] * 6, "dice", SMALL)
    assert choice.everyone.point == (2, 0, 0, 0)
    assert choice.worth.tuned > choice.worth.before
    assert choice.worth.leave_one_out == choice.worth.before
    assert not choice.worth.gain


def test_thresholds_that_harm_the_case_without_which_they_were_chosen_are_no_gain() -> None:
    # each case gains by a point of its own and loses by those of the others
    rng = np.random.default_rng(0)
    tables = [table(rng.normal(0.5, 0.1, SMALL.shape)) for _ in range(8)]
    choice = choose(tables, [0] * 8, [True] * 8, "dice", SMALL)
    assert choice.worth.tuned > choice.worth.before
    assert choice.worth.leave_one_out < choice.worth.tuned


def test_outliers_and_cases_without_features_get_the_global_thresholds() -> None:
    tables = [table(means(p1000=0.9))] * 10 + [table(means(p0100=0.6))] * 6
    choice = choose(tables, [0] * 9 + [None] + [1] * 6, [True] * 10 + [False] + [True] * 5, "dice", SMALL)
    assert choice.everyone.point == (1, 0, 0, 0)
    assert choice.tuned[9] == (1, 0, 0, 0)
    assert choice.tuned[10] == (1, 0, 0, 0)
    assert choice.tuned[11] == (0, 1, 0, 0)


def test_hd95_is_to_fall() -> None:
    tables = [table(means(p1000=0.7))] * 6
    choice = choose(tables, [0] * 6, [True] * 6, "hd95", SMALL)
    assert choice.everyone.point == (1, 0, 0, 0)
    assert (choice.worth.before, choice.worth.gain) == (50.0, True)
    assert choice.worth.leave_one_out == pytest.approx(30)


def test_the_interval_of_what_never_differs_is_a_point() -> None:
    assert interval_of(np.full(7, 0.25)) == (0.25, 0.25)


def test_shares_are_in_steps_of_a_36th_none_is_0_and_equal_ones_are_among_them() -> None:
    grid = share_grid(2)
    assert len(grid) == 35
    assert (17 / 36, 19 / 36) in grid  # the paper's 0.4722 and 0.5278
    assert (0.5, 0.5) in grid
    assert min(min(shares) for shares in grid) == 1 / 36
    assert len(share_grid(3)) == 55  # 11 choose 2
    assert share_grid(1) == ((1.0,),)
    assert share_grid(5)[-1] == (0.2,) * 5  # not a step of an eighth, so added


def test_of_equally_good_shares_those_nearest_to_equal_are_taken() -> None:
    tried = ((0.25, 0.75), (0.5, 0.5), (0.75, 0.25))
    assert choose_shares(tried, np.array([[0.8, 0.79995, 0.7]]), "dice").shares == (0.5, 0.5)
    assert choose_shares(tried, np.array([[0.8, 0.7, 0.7]]), "dice").shares == (0.25, 0.75)
    assert choose_shares(tried, np.array([[9.0, 5.0, 4.0], [9.0, 5.0, 4.0]]), "hd95").shares == (0.75, 0.25)


def test_shares_are_scored_on_what_the_mean_paints() -> None:
    # one member sees the tumour with 0.8, the other with 0.4: a mean above 0.5 needs a share above 1/4 of the first
    reference = labels_of((16, 16, 16), (4, 12, 4, 12, 4, 12, 3))
    seen = np.where(reference == 3, np.float16(0.8), np.float16(0))
    unsure = np.where(reference == 3, np.float16(0.4), np.float16(0))
    predictions = [OutOfFoldPrediction(np.stack([each] * 3), REGIONS) for each in (seen, unsure)]
    tried = ((0.2, 0.8), (0.3, 0.7))
    scores = score_shares(predictions, reference, (1.0, 1.0, 1.0), EDITIONS["ssa-2024"], tried, "dice")
    assert scores.tolist() == [0.0, 1.0]


def test_members_with_outputs_of_labels_are_averaged_with_those_of_regions() -> None:
    labels = np.zeros((4, 2, 2, 2), np.float16)
    labels[3] = 1.0  # ET everywhere: a part of all three regions
    regions = np.full((3, 2, 2, 2), 0.25, np.float16)
    predictions = [OutOfFoldPrediction(labels, LABELS), OutOfFoldPrediction(regions, REGIONS)]
    # means 0.625 and 0.475
    assert np.all(paint_mean(predictions, (0.5, 0.5)) == 3)
    assert np.all(paint_mean(predictions, (0.3, 0.7)) == 0)
    assert np.array_equal(paint_mean(predictions[1:], (1.0,)), paint(regions.astype(np.float32), REGIONS))
    with pytest.raises(ValueError, match="no common mean"):
        paint_mean([predictions[0], OutOfFoldPrediction(labels[:2], Outputs("labels", ((0,), (1,))))], (0.5, 0.5))


SPLITS = (Split(("b", "c"), ("a",)), Split(("a", "c"), ("b",)))


def test_each_case_belongs_to_the_fold_that_did_not_see_it() -> None:
    assert fold_of_cases(SPLITS, ["b", "a"], Path("splits")) == {"a": 0, "b": 1}


def test_all_cases_that_leak_or_belong_nowhere_are_named() -> None:
    leaky = (*SPLITS, Split(("d",), ("d", "a")))
    with pytest.raises(InputError) as error:
        fold_of_cases(leaky, ["a", "b", "c", "d"], Path("splits"))
    told = str(error.value).splitlines()
    assert [line.split(". ")[0] for line in told] == [
        "splits: a is in val of fold 0, 2, expected exactly one",
        "splits: c is in val of fold none, expected exactly one",
        "splits: d is in train and in val of fold 2, a leak: that fold was trained on it",
    ]


@pytest.mark.parametrize("text", ["{}", "[]", '[{"train": ["a"]}]', '[{"train": ["a"], "val": [1]}]'])
def test_what_are_no_splits_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "splits_final.json").write_text(text)
    with pytest.raises(InputError, match=r"splits_final\.json"):
        read_splits(tmp_path / "splits_final.json")
