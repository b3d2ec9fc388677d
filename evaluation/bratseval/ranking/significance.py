"""Which differences between submissions are more than chance: paired permutations, Holm's correction, tiers.

Source of the test: arXiv 1811.02629 (100,000 permutations; 500,000 on the pages of 2026): on each
case the rank scores of two submissions are swapped with probability 1/2, and the observed
difference is compared with those of the swapped ones. The p of N permutations is
(1 + count) / (N + 1), which can't be 0 (Phipson and Smyth 2010); the organisers' is count / N.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ALPHA: Final = 0.05
_CHUNK: Final = 8192  # permutations at a time: 14 MB for 219 cases
_ROUNDING: Final = 1e-9  # of the largest possible sum: sums of the same differences differ by less


def permutation_p(differences: Array, permutations: int, seed: int, *, two_sided: bool = False) -> Array:
    """How often chance alone gives a sum of paired differences as large as the observed one.

    Swapping two submissions on a case turns the sign of their difference, so a
    permutation is a row of signs; all pairs share the same ones.

    Args:
        differences: (pair, case), positive where the first of the pair is better; 0 where
            a case says nothing about the pair.
        permutations: how many rows of signs are drawn.
        seed: of their generator; equal seeds give equal p.
        two_sided: count what is as large in either direction.

    Returns:
        (pair,), from 1 / (permutations + 1) to 1. Two submissions that are equal on every
        case have p 1: every permutation is as large as nothing. Where differences are pure
        chance p is uniform up to its steps.
    """
    if differences.size == 0:
        return np.ones(len(differences))
    turned = np.ascontiguousarray(differences.T)  # (case, pair)
    observed = turned.sum(axis=0)
    observed = np.abs(observed) if two_sided else observed
    least = observed - _ROUNDING * np.abs(turned).sum(axis=0)
    random = np.random.default_rng(seed)
    counts = np.zeros(len(differences), np.int64)
    for first in range(0, permutations, _CHUNK):
        sums = _signs(random, min(_CHUNK, permutations - first), len(turned)) @ turned
        counts += np.count_nonzero((np.abs(sums) if two_sided else sums) >= least, axis=0)
    return (1 + counts).astype(np.float64) / (permutations + 1)


def _signs(random: np.random.Generator, rows: int, cases: int) -> Array:
    """(rows, cases) of +1 and -1, each as likely."""
    bits = np.unpackbits(np.frombuffer(random.bytes(rows * ((cases + 7) // 8)), np.uint8))
    return bits.reshape(rows, -1)[:, :cases].astype(np.float64) * 2 - 1


def pairwise_p(case_ranks: Array, permutations: int, seed: int) -> Array:
    """The p of each pair of submissions, best first: (submission, submission), NaN outside the upper triangle.

    One-sided: that the later of two is worse. A case counts where both have a rank.

    Args:
        case_ranks: (submission, case), smaller is better, NaN is none; submissions in
            the order of their places.

    Returns:
        NaN also for a pair that shares no case.
    """
    count = len(case_ranks)
    better, worse = np.triu_indices(count, 1)
    differences = case_ranks[worse] - case_ranks[better]
    shared = ~np.isnan(differences)
    p = permutation_p(np.where(shared, differences, 0.0), permutations, seed)
    matrix = np.full((count, count), np.nan)
    matrix[better, worse] = np.where(shared.any(axis=1), p, np.nan)
    return matrix


def holm(p: Array) -> Array:
    """Holm's adjusted p of a family of tests, of any shape; NaN is no test and stays.

    Source: Holm 1979. The smallest p is multiplied by the number of tests, the next by
    one less and so on; none becomes smaller than the one before, and none exceeds 1.
    """
    adjusted = p.copy()
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p.flat[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted.flat[order] = np.minimum(np.maximum.accumulate(p.flat[order] * factors), 1.0)
    return adjusted


def tiers(adjusted: Array, alpha: float = ALPHA) -> tuple[int, ...]:
    """The tier of each submission, from 1, best first.

    A tier holds its first submission and those behind it that the test does not distinguish from
    that one; the next that it does, or can't test, begins the next tier.

    Args:
        adjusted: (submission, submission), p above the diagonal, in the order of places.
    """
    found: list[int] = []
    leader = 0
    for number in range(len(adjusted)):
        together = number == leader or adjusted[leader, number] >= alpha  # NaN is not
        if not together:
            leader = number
        found.append((found[-1] if found else 0) + (number == leader))
    return tuple(found)
