"""Ranks by hand, for every scheme and every way with ties; what is missing, undefined, or owed to one case."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from bratseval.challenge import EDITIONS, edition
from bratseval.challenge.metrics import official_metrics, platform_names
from bratseval.challenge.ranking import RANKING
from bratseval.challenge.rules import SCHEMES, TIES, Missing, Scheme, Ties
from bratseval.errors import InputError
from bratseval.leaderboard import SubmissionScores
from bratseval.ranking import RankingSettings, rank, settings_of
from bratseval.ranking.columns import columns_of, larger_is_better
from bratseval.ranking.resampling import bootstrap_weights, interval, without_each
from bratseval.ranking.schemes import case_ranks, places, ranks, scores
from bratseval.scoring.case import score_case
from bratseval.scoring.result import CaseStatus, ScoredCase
from factories.boxes import labels_of
from factories.scores import VERSIONS

# Axes (submission, case, column); Dice, and HD95 with its sign turned.
#            case 1        case 2
A_VALUES = [[0.9, -3.0], [0.6, -5.0]]
B_VALUES = [[0.8, -1.0], [0.7, -5.0]]
C_VALUES = [[0.8, -2.0], [0.5, -9.0]]
TABLE = np.array([A_VALUES, B_VALUES, C_VALUES])
ONCE = np.ones((1, 2))


@pytest.mark.parametrize(
    ("ties", "expected"),
    [
        # Dice of case 1: A, then B and C share places 2 and 3. HD95 of case 2: A and B share 1 and 2, then C.
        # Dice of case 2: B, A, C. HD95 of case 1: B, C, A. A: ((1 + 3) / 2 + (2 + 1.5) / 2) / 2
        ("average", [(2 + 1.75) / 2, (1.75 + 1.25) / 2, (2.25 + 3) / 2]),
        ("min", [(2 + 1.5) / 2, (1.5 + 1) / 2, (2 + 3) / 2]),
        ("max", [(2 + 2) / 2, (2 + 1.5) / 2, (2.5 + 3) / 2]),
        # C is second in HD95 of case 2: no gap behind two firsts
        ("dense", [(2 + 1.5) / 2, (1.5 + 1) / 2, (2 + 2.5) / 2]),
        # A before B before C
        ("first", [(2 + 1.5) / 2, (1.5 + 1.5) / 2, (2.5 + 3) / 2]),
    ],
)
def test_ranks_by_case_by_hand(ties: Ties, expected: Sequence[float]) -> None:
    assert scores(TABLE, ONCE, "case-ranks", ties)[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ties", "of_dice"),
    # mean Dice .75, .75, .65; mean HD95 4, 3, 5.5: ranks 2, 1, 3
    [("average", (1.5, 1.5, 3)), ("min", (1, 1, 3)), ("max", (2, 2, 3)), ("dense", (1, 1, 2)), ("first", (1, 2, 3))],
)
def test_ranks_of_means_by_hand(ties: Ties, of_dice: Sequence[float]) -> None:
    sums = np.add(of_dice, (2, 1, 3))
    assert scores(TABLE, ONCE, "rank-sum", ties)[0] == pytest.approx(sums)
    assert scores(TABLE, ONCE, "mean-ranks", ties)[0] == pytest.approx(sums / 2)


def test_the_schemes_need_not_agree() -> None:
    # one case lost by far, two won by little: ranks by case put A first (1, 1, 2), ranks of means B
    table = np.array([[[0.91], [0.91], [0.1]], [[0.9], [0.9], [0.9]]])
    assert places(scores(table, np.ones((1, 3)), "case-ranks", "average"), np.zeros(2, bool)).tolist() == [[1, 2]]
    assert places(scores(table, np.ones((1, 3)), "mean-ranks", "average"), np.zeros(2, bool)).tolist() == [[2, 1]]


def test_the_six_ranks_of_the_meningioma_paper() -> None:
    # arXiv 2405.09787: (3 + 2 + 3 + 3 + 2 + 4) / 6 = 2.83
    others = ((1, 2, 4), (1, 3, 4), (1, 2, 4), (1, 2, 4), (1, 3, 4), (1, 2, 3))
    means = np.array([(3, 2, 3, 3, 2, 4), *zip(*others, strict=True)])  # four submissions, six columns
    table = -means[:, np.newaxis, :].astype(float)
    score = scores(table, np.ones((1, 1)), "mean-ranks", "average")[0]
    assert score[0] == pytest.approx(2.83, abs=0.005)
    assert scores(table, np.ones((1, 1)), "rank-sum", "average")[0][0] == 17


@pytest.mark.parametrize("ties", TIES)
def test_ranks_are_those_of_pandas(ties: Ties) -> None:
    # the organisers' tool takes the names of pandas.DataFrame.rank for its ties
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(4)
    for _ in range(50):
        values = np.round(random.random((7, 12)), 1)
        values[random.random(values.shape) < 0.2] = np.nan
        expected = pandas.DataFrame(values).rank(method=ties, ascending=False).to_numpy()
        assert np.array_equal(ranks(values, ties), expected, equal_nan=True)


def test_a_value_that_is_not_there_takes_no_place() -> None:
    assert ranks(np.array([0.5, math.nan, 0.9]), "average") == pytest.approx([2, math.nan, 1], nan_ok=True)
    # an infinite distance is a value, and shares no place with one that is not there
    assert ranks(np.array([-math.inf, math.nan, -2.0]), "max") == pytest.approx([2, math.nan, 1], nan_ok=True)
    table = TABLE.copy()
    table[0, 0] = math.nan
    # case 1 without A: B and C share Dice (1.5 each), B has the better HD95: 1.25 and 1.75
    assert case_ranks(table, "average")[:, 0] == pytest.approx([math.nan, 1.25, 1.75], nan_ok=True)
    # A is judged by case 2 alone
    assert scores(table, ONCE, "case-ranks", "average")[0][0] == pytest.approx(1.75)


@pytest.mark.parametrize("ties", TIES)
def test_a_column_without_any_value_ranks_last_in_a_sum(ties: Ties) -> None:
    # A has no HD95 at all: left out it would have the smallest sum
    table = np.array([[[0.8, math.nan]], [[0.9, -1.0]], [[0.7, -2.0]]])
    assert scores(table, np.ones((1, 1)), "rank-sum", ties)[0].tolist() == [2 + 3, 1 + 1, 3 + 2]


def test_equal_scores_share_the_least_place_and_the_last_bit_is_no_difference() -> None:
    assert places(np.array([[2.0, 1.0, 2.0 + 1e-13, 3.0]]), np.zeros(4, bool)).tolist() == [[2, 1, 2, 4]]


def test_weights_count_cases_as_often_as_they_say() -> None:
    twice = np.concatenate([TABLE, TABLE[:, :1]], axis=1)
    for scheme in SCHEMES:
        expected = scores(twice, np.ones((1, 3)), scheme, "average")
        assert scores(TABLE, np.array([[2.0, 1.0]]), scheme, "average") == pytest.approx(expected)


# Submissions

CASES = [f"BraTS-SSA-{n:05}-000" for n in range(1, 13)]


def submission(
    dices: Sequence[float], name: str = "ssa-2023", failed: Sequence[int] = (), hd95: Mapping[int, float] | None = None
) -> SubmissionScores:
    """A case for each value: it is every value that is better when larger, and 10 - 10 times it every distance."""
    rules, cases = edition(name), []
    for n, dice in enumerate(dices):
        values = {}
        for metric in official_metrics(rules):
            distance = metric.worst == "penalty"
            values[metric.key] = (hd95 or {}).get(n, 10 - 10 * dice) if distance else dice
        state = "failed" if n in failed else "scored"
        cases.append(ScoredCase(CASES[n], CaseStatus(state), dict.fromkeys(rules.regions, values)))
    return SubmissionScores(name, "edition", VERSIONS, tuple(cases))


QUICK = {"permutations": 500, "samples": 200}


def settings(scheme: Scheme = "case-ranks", missing: Missing = "worst", ties: Ties = "average") -> RankingSettings:
    return RankingSettings(("LesionWise_Dice", "LesionWise_Hausdorff95"), scheme, missing, ties, **QUICK)


@pytest.mark.parametrize("name", ["met-2025-lesionwise", "gli-2026", "men-2026", "men-rt-2026"])
def test_an_edition_without_a_stated_ranking_is_refused(name: str) -> None:
    assert edition(name).ranking is None
    with pytest.raises(InputError, match=f"{name}: no organiser has stated how it ranks"):
        settings_of(edition(name))


@pytest.mark.parametrize("name", list(RANKING))
def test_every_edition_ranks_by_columns_that_it_has_and_says_why(name: str) -> None:
    rules, regions = RANKING[name], tuple(EDITIONS[name].regions)
    ranked = rank({"A/1": made_with(name, rules.metrics)}, edition(name), replace(settings_of(edition(name)), **QUICK))
    assert len(ranked.columns) == len(rules.metrics) * len(regions)
    cube = labels_of((12, 12, 12), (2, 8, 2, 8, 2, 8, 1), (4, 6, 4, 6, 4, 6, min(3, len(edition(name).labels))))
    scored = score_case(cube, cube, (1, 1, 1), edition(name))
    for metric in rules.metrics:
        own = all(metric in values for values in scored.corrected.values()) and bool(scored.corrected)
        assert metric in platform_names(edition(name)).values() or own, metric
    assert rules.sources


def made_with(name: str, metrics: Sequence[str]) -> SubmissionScores:
    made = submission([0.5, 0.6], name)
    own = {region: dict.fromkeys(metrics, 0.5) for region in EDITIONS[name].regions}
    return replace(made, cases=tuple(replace(case, corrected=own) for case in made.cases))


def test_the_rules_of_some_editions() -> None:
    both = ("LesionWise_Dice", "LesionWise_Hausdorff95")
    assert (RANKING["ssa-2024"].metrics, RANKING["ssa-2024"].scheme) == (both, "case-ranks")
    assert (RANKING["men-2023"].metrics, RANKING["men-2023"].scheme) == (both, "mean-ranks")
    assert RANKING["goat-2025-ssa"].metrics == ("LesionWise_Dice",)
    assert (RANKING["met-2026"].scheme, RANKING["met-2026"].missing) == ("rank-sum", "left-out")
    assert not any("hd95" in metric for metric in RANKING["goat-2026"].metrics)


@pytest.mark.parametrize(
    ("name", "metric", "larger"),
    [
        ("ssa-2023", "LesionWise_Dice", True),
        ("ssa-2025", "LesionWise_NSD_0.5", True),
        ("goat-2026", "global_dsc", True),
        ("met-2026", "small_instance_f1", True),
        ("ssa-2024", "Whole_Sensitivity", True),
        ("ssa-2024", "LesionWise_Hausdorff95", False),
        ("goat-2026", "global_hd95_mm", False),
        ("ssa-2025", "Whole_HD95", False),
    ],
)
def test_which_way_a_metric_is_good(name: str, metric: str, larger: bool) -> None:
    assert larger_is_better(metric, edition(name)) == larger


@pytest.mark.parametrize("metric", ["GT_Complete_Volume", "Num_FP", "Num_TP", "lesionwise_dsc_std", "nonsense"])
def test_what_is_good_in_no_direction_is_not_ranked_by(metric: str) -> None:
    with pytest.raises(InputError, match=f"{metric}: is nothing to rank by"):
        columns_of([metric], ["ET"], edition("ssa-2023"))


def test_a_metric_that_no_entry_has_is_refused_and_one_named_twice_too() -> None:
    with pytest.raises(InputError, match="Whole_Dice: no entry has it"):
        rank({"A/1": submission([0.5], "ssa-2024")}, edition("ssa-2024"), replace(settings(), metrics=("Whole_Dice",)))
    with pytest.raises(InputError, match="LesionWise_Dice: expected each metric once"):
        rank({"A/1": submission([0.5])}, edition("ssa-2023"), replace(settings(), metrics=("LesionWise_Dice",) * 2))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("missing", ["worst", "left-out"])
@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("lost", ["failed", "nan"])
def test_a_submission_without_any_value_ranks_last(scheme: Scheme, missing: Missing, ties: Ties, lost: str) -> None:
    nothing = submission([0.0] * 4, failed=range(4), hd95=dict.fromkeys(range(4), 374.0))
    if lost == "nan":
        nothing = submission([math.nan] * 4)
    zero = submission([0.0] * 4, hd95=dict.fromkeys(range(4), 374.0))  # as bad as can be, but there
    ranked = rank(
        {"nothing/1": nothing, "good/1": submission([0.9] * 4), "zero/1": zero},
        edition("ssa-2023"),
        settings(scheme, missing, ties),
    )
    assert [(standing.name, standing.place) for standing in ranked.standings] == [
        ("good/1", 1),
        ("zero/1", 2),
        ("nothing/1", 3),
    ]
    last = ranked.standings[-1]
    assert last.place_interval == (3.0, 3.0)
    assert last.places_without == (3, 3)


def test_worst_is_zero_and_the_penalty_and_left_out_is_no_penalty() -> None:
    half = submission([0.8, math.nan])
    whole = submission([0.7, 0.7])
    by_worst = rank({"half/1": half, "whole/1": whole}, edition("ssa-2023"), settings("mean-ranks", "worst"))
    means = {standing.name: standing.means for standing in by_worst.standings}
    assert means["half/1"]["LesionWise_Dice_ET"].mean == pytest.approx(0.8 / 2)
    assert means["half/1"]["LesionWise_Hausdorff95_ET"].mean == pytest.approx((2 + 374) / 2)
    assert [standing.name for standing in by_worst.standings] == ["whole/1", "half/1"]
    assert by_worst.missing == 6
    leaving_out = rank({"half/1": half, "whole/1": whole}, edition("ssa-2023"), settings("mean-ranks", "left-out"))
    standing = leaving_out.standings[0]
    assert (standing.name, standing.means["LesionWise_Dice_ET"].mean, standing.means["LesionWise_Dice_ET"].n) == (
        "half/1",
        0.8,
        1,
    )


def test_left_out_takes_cases_out_whose_prediction_could_not_be_used() -> None:
    # MET 2026: no penalty where an algorithm fails; the evaluator has stored the worst values
    failing = submission([0.8, 0.0], failed=[1], hd95={1: 374.0})
    ranked = rank(
        {"fails/1": failing, "whole/1": submission([0.7, 0.7])}, edition("ssa-2023"), settings("rank-sum", "left-out")
    )
    assert [(standing.name, standing.failed) for standing in ranked.standings] == [("fails/1", 1), ("whole/1", 0)]


def test_since_2026_what_is_undefined_is_best_by_case_and_left_out_of_means() -> None:
    # both empty: the platform has NaN. The other submission predicts something in an empty region and has Dice 0.
    correct, wrong = submission([math.nan, 0.5], "goat-2026"), submission([0.0, 0.5], "goat-2026")
    dice = replace(settings("case-ranks"), metrics=("global_dsc",))
    ranked = rank({"wrong/1": wrong, "correct/1": correct}, edition("goat-2026"), dice)
    # case 1: 1 and 2, case 2: 1.5 each
    assert [(standing.name, standing.score) for standing in ranked.standings] == [
        ("correct/1", 1.25),
        ("wrong/1", 1.75),
    ]
    assert (ranked.undefined, ranked.missing) == (3, 0)
    ranked = rank({"wrong/1": wrong, "correct/1": correct}, edition("goat-2026"), replace(dice, scheme="rank-sum"))
    assert [standing.means["global_dsc_et"].mean for standing in ranked.standings] == [0.5, 0.25]


def test_an_infinite_distance_counts_as_the_penalty() -> None:
    ranked = rank({"A/1": submission([0.5, 0.5], hd95={0: math.inf})}, edition("ssa-2023"), settings())
    assert ranked.standings[0].means["LesionWise_Hausdorff95_WT"].mean == (374 + 5) / 2


def test_one_submission_alone_is_first() -> None:
    ranked = rank({"A/1": submission([0.5, 0.6])}, edition("ssa-2023"), settings())
    (standing,) = ranked.standings
    assert (standing.place, standing.tier, standing.score) == (1, 1, 1.0)
    assert np.isnan(ranked.p).all()


# Intervals and single cases


def test_the_bootstrap_draws_as_many_cases_as_there_are_and_its_interval_covers_the_mean() -> None:
    weights = bootstrap_weights(35, 1000, seed=3)
    assert (weights.sum(axis=1) == 35).all()
    assert np.array_equal(weights, bootstrap_weights(35, 1000, seed=3))
    # 200 samples of 40 normal numbers: about 95 % of the intervals hold the true mean (90 to 98 % allowed)
    random, held = np.random.default_rng(11), 0
    for seed in range(200):
        numbers = random.normal(5.0, 1.0, 40)
        lower, upper = interval(bootstrap_weights(40, 500, seed) @ numbers / 40)
        held += bool(lower <= 5.0 <= upper)
    assert 0.90 <= held / 200 <= 0.98


def test_an_interval_of_equal_samples_is_a_point_and_of_none_nan() -> None:
    samples = np.array([[0.5, math.nan], [0.5, math.nan]])
    assert interval(samples)[:, 0].tolist() == [0.5, 0.5]
    assert np.isnan(interval(samples)[:, 1]).all()


def test_a_place_that_hangs_on_one_case_says_on_which() -> None:
    # A wins cases 1 and 2, B wins cases 3 and 4, and case 5 gives it to A
    a, b = submission([0.9, 0.9, 0.5, 0.5, 0.9]), submission([0.5, 0.5, 0.9, 0.9, 0.5])
    ranked = rank({"A/1": a, "B/1": b}, edition("ssa-2023"), settings())
    first, second = ranked.standings
    assert (first.name, first.places_without) == ("A/1", (1, 1))
    # without one of A's three cases both have two: a tie, and B shares the first place
    assert (second.places_without, second.moved_by) == ((1, 2), (CASES[0], CASES[1], CASES[4]))
    assert first.score_interval[0] < first.score < first.score_interval[1]
    assert second.place_interval == (1.0, 2.0)
    assert without_each(3).tolist() == [[0, 1, 1], [1, 0, 1], [1, 1, 0]]


def test_equal_seeds_rank_equally_to_the_last_bit() -> None:
    board = {"A/1": submission([0.9, 0.4, 0.7]), "B/1": submission([0.8, 0.6, 0.5])}
    one, two = (rank(board, edition("ssa-2023"), settings()) for _ in range(2))
    assert one.standings == two.standings
    assert np.array_equal(one.p, two.p, equal_nan=True)
