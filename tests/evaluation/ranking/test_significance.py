"""The permutation test against what it must be: uniform under chance, exact where all signs can be counted."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import kstest, permutation_test

from bratseval.ranking.schemes import case_ranks
from bratseval.ranking.significance import holm, pairwise_p, permutation_p, tiers


def test_a_submission_better_on_every_case_has_the_least_p() -> None:
    # 2^219 rows of signs, of which one alone is as large as the observed: 100,000 draws don't hit it
    differences = np.full((1, 219), 1.0)
    assert permutation_p(differences, 100_000, seed=1)[0] == 1 / 100_001
    # the same through ranks: better in all six columns of all cases
    table = np.stack([np.full((219, 6), 0.9), np.full((219, 6), 0.8)])
    assert pairwise_p(case_ranks(table, "average"), 1000, seed=1)[0, 1] == 1 / 1001


def test_equal_submissions_have_p_1() -> None:
    # every permutation of no difference is as large as no difference
    assert permutation_p(np.zeros((1, 35)), 1000, seed=1)[0] == 1.0
    assert permutation_p(np.zeros((1, 35)), 1000, seed=1, two_sided=True)[0] == 1.0


@pytest.mark.parametrize("two_sided", [False, True])
def test_p_is_uniform_over_submissions_that_differ_by_chance_alone(two_sided: bool) -> None:
    # exchangeable noise: two draws of one distribution on each case; Kolmogorov and Smirnov's test over 1000 seeds
    found = []
    for seed in range(1000):
        random = np.random.default_rng(seed)
        noise = random.normal(size=(2, 40)) + random.normal(size=40)  # cases differ in how hard they are
        found.append(permutation_p((noise[0] - noise[1])[np.newaxis], 999, seed=seed + 5000, two_sided=two_sided)[0])
    assert kstest(found, "uniform").pvalue > 0.05
    assert min(found) >= 1 / 1000
    # at most 5 % of the tests find what is not there: 1000 * .05 = 50, deviation 6.9
    assert sum(p <= 0.05 for p in found) <= 50 + 3 * 6.9


def test_p_is_uniform_for_ranks_of_exchangeable_submissions() -> None:
    # through ranks by case of six columns each, in both orders: the first of the pair is not chosen by its place
    found = []
    for seed in range(600):
        random = np.random.default_rng(seed)
        values = random.normal(size=(2, 60, 6)) + random.normal(size=(2, 60, 1))
        found.append(pairwise_p(case_ranks(values, "average"), 999, seed=seed + 9000)[0, 1])
    # ranks of two are whole steps, so p has steps and ties: never below uniform by more than chance
    for level in (0.05, 0.1, 0.25, 0.5):
        assert sum(p <= level for p in found) <= 600 * level + 3 * math.sqrt(600 * level * (1 - level))
    assert sum(p <= 0.5 for p in found) >= 600 * 0.4


def test_the_better_of_a_pair_by_its_place_is_told_from_it_by_chance_in_one_of_ten() -> None:
    # what the matrix of places does, and its docs say: the first of a pair is the one that looks better
    found = []
    for seed in range(1000):
        values = np.random.default_rng(seed).normal(size=(2, 40, 6))
        ranked = case_ranks(values, "average")
        found.append(pairwise_p(ranked[np.argsort(ranked.mean(axis=1))], 999, seed=seed)[0, 1])
    below = sum(p <= 0.05 for p in found)
    assert 100 - 4 * 9.5 <= below <= 100 + 3 * 9.5  # steps of p make it a little less


@pytest.mark.parametrize("two_sided", [False, True])
def test_scipy_says_the_same_where_it_counts_all_permutations(two_sided: bool) -> None:
    random = np.random.default_rng(8)
    first, second = random.normal(0.3, 1, 10), random.normal(0, 1, 10)
    exact = permutation_test(
        (first, second),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
        alternative="two-sided" if two_sided else "greater",
    )
    ours = permutation_p((first - second)[np.newaxis], 200_000, seed=3, two_sided=two_sided)[0]
    assert ours == pytest.approx(exact.pvalue, abs=0.005)


def test_the_test_is_not_fooled_into_uniformity_by_a_real_difference() -> None:
    random = np.random.default_rng(3)
    found = [permutation_p(random.normal(0.5, 1, (1, 60)), 999, seed)[0] for seed in range(100)]
    assert sum(p <= 0.05 for p in found) > 90  # the power of a t-test here: .99


@pytest.mark.parametrize("two_sided", [False, True])
def test_many_permutations_come_to_what_all_of_them_say(two_sided: bool) -> None:
    differences = np.array([[0.5, -0.25, 1.0, 0.75, -0.5, 0.25, 0.5, 0.0], [1.0, 1, 1, 1, 1, 1, 1, -1]])
    for row, p in zip(differences, permutation_p(differences, 200_000, 7, two_sided=two_sided), strict=True):
        sums = np.array([np.dot(signs, row) for signs in itertools.product((1, -1), repeat=len(row))])
        exact = np.mean((np.abs(sums) if two_sided else sums) >= row.sum())
        assert p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 200_000))


def test_sums_of_thirds_that_are_equal_count_as_equal() -> None:
    # of 2^3 rows of signs the observed one alone has the largest sum; in floats 1/3 + 2/3 + 1/6 depends on the order
    row = np.array([[1 / 3, 2 / 3, 1 / 6]])
    assert permutation_p(row, 80_000, seed=2)[0] == pytest.approx(1 / 8, abs=0.005)
    many = np.tile(row, (50, 1))
    assert len(set(permutation_p(many, 1000, seed=2).tolist())) == 1


def test_pairs_share_their_signs_and_seeds_decide() -> None:
    random = np.random.default_rng(1)
    differences = random.normal(size=(3, 35))
    together = permutation_p(differences, 10_000, seed=4)
    assert together.tolist() == [permutation_p(row[np.newaxis], 10_000, seed=4)[0] for row in differences]
    assert together.tolist() != permutation_p(differences, 10_000, seed=5).tolist()


def test_pairs_stand_above_the_diagonal_and_count_the_cases_that_both_have() -> None:
    nan = math.nan
    ranks = np.array([[1.0, 1, 1, 1, nan], [2, 2, 2, 2, 1.0], [nan] * 5])
    p = pairwise_p(ranks, 9999, seed=0)
    assert np.isnan(p[np.tril_indices(3)]).all()
    # four cases, all won: one of 2^4 rows of signs; case 5 says nothing
    assert p[0, 1] == pytest.approx(1 / 16, abs=0.01)
    assert math.isnan(p[0, 2])
    assert math.isnan(p[1, 2])


def test_holm_by_hand() -> None:
    # sorted .01, .02, .03, .04: times 4, 3, 2, 1 is .04, .06, .06, .04, and none falls below the one before
    p = np.array([[math.nan, 0.04, 0.01], [math.nan, math.nan, 0.03], [0.02, math.nan, math.nan]])
    adjusted = holm(p)
    assert adjusted[0, 2] == pytest.approx(0.04)
    assert [adjusted[2, 0], adjusted[1, 2], adjusted[0, 1]] == pytest.approx([0.06] * 3)
    assert np.isnan(adjusted[np.isnan(p)]).all()
    assert holm(np.array([0.6, 0.9])).tolist() == [1.0, 1.0]
    assert holm(np.array([])).size == 0


def test_a_tier_ends_where_its_first_is_significantly_better() -> None:
    nan = math.nan
    # 1 does not differ from 2, but from 3 and 4; 3, the next first, does not differ from 4
    adjusted = np.array([[nan, 0.3, 0.01, 0.01], [nan, nan, 0.2, 0.01], [nan, nan, nan, 0.5], [nan, nan, nan, nan]])
    assert tiers(adjusted) == (1, 1, 2, 2)
    assert tiers(adjusted, alpha=0.005) == (1, 1, 1, 1)
    assert tiers(np.full((2, 2), nan)) == (1, 2)  # what can't be tested is a tier of its own
    assert tiers(np.zeros((0, 0))) == ()
