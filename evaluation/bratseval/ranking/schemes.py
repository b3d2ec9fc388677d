"""Ranks of submissions over cases: the schemes of BraTS, on arrays.

Axes are (submission, case, column) throughout; a column is a metric in a region, and every
value is turned so that larger is better before it comes here. NaN is no value. Rank 1 is best.

- case-ranks: on each case and column the submissions are ranked; the mean over columns is
  the rank of a submission on the case, and the mean of that over cases its score.
  Source: arXiv 1811.02629, BraTS since 2017.
- mean-ranks: the means over cases are ranked column by column; the score is the mean of
  these ranks. Source: arXiv 2405.09787, BraTS Meningioma 2023.
- rank-sum: the same, and the score is their sum. Source: BraTS Metastases 2026, wiki 639602
  ("summation of their ranks across the average of the metrics"). It orders as mean-ranks does.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from bratseval.challenge.rules import Scheme, Ties

Array = NDArray[np.float64]
_EQUAL: Final = 10  # decimals up to which two means are one: sums of thirds differ in the last bit
_LARGEST: Final = float(np.finfo(np.float64).max)


def ranks(values: Array, ties: Ties) -> Array:
    """The rank of each submission (first axis) beside the others; NaN has none and takes no place.

    Args:
        values: (submission, …), larger is better.
        ties: what equal values share: the average, the least or the largest of their places;
            the least, without a gap behind it (dense); or nothing, in the order of submissions (first).
    """
    method = "ordinal" if ties == "first" else ties
    # infinite values keep their places apart from NaN, which goes behind all and is then taken out
    turned = np.where(np.isnan(values), np.inf, -np.clip(values, -_LARGEST, _LARGEST))
    return np.where(np.isnan(values), np.nan, rankdata(turned, method=method, axis=0))


def case_ranks(values: Array, ties: Ties) -> Array:
    """The mean rank of each submission on each case: (submission, case); NaN where it has no value there."""
    return mean_there(ranks(values, ties), axis=2)


def scores(values: Array, weights: Array, scheme: Scheme, ties: Ties) -> Array:
    """What a scheme makes of the cases, each counted as often as its weight says; smaller is better.

    Args:
        values: (submission, case, column).
        weights: (sample, case), how often each case counts in each sample.

    Returns:
        (sample, submission); NaN for a submission without any value in a sample. A column
        in which a submission has no value at all while it has others ranks last, whatever
        the ties: otherwise leaving a region out would make a sum of ranks smaller.
    """
    if scheme == "case-ranks":
        return weighted_means(case_ranks(values, ties)[:, :, np.newaxis], weights)[:, :, 0]
    means = np.round(weighted_means(values, weights), _EQUAL)
    ranked = ranks(np.moveaxis(means, 1, 0), ties)  # (submission, sample, column)
    ranked = np.where(np.isnan(ranked), float(len(values)), ranked)
    summed = ranked.sum(axis=2) if scheme == "rank-sum" else ranked.mean(axis=2)
    scored: Array = np.where(np.isnan(means).all(axis=2), np.nan, summed.T)
    return scored


def weighted_means(values: Array, weights: Array) -> Array:
    """Means over the cases that have a value: (sample, submission, column); NaN where none has."""
    there = ~np.isnan(values)
    filled = np.where(there, values, 0.0)
    sums = np.einsum("sc,tcj->stj", weights, filled, optimize=True)
    counts = np.einsum("sc,tcj->stj", weights, there.astype(np.float64), optimize=True)
    return _quotient(sums, counts)


def mean_there(values: Array, axis: int) -> Array:
    """The mean of what is no NaN; NaN where there is nothing."""
    there = ~np.isnan(values)
    counts = there.sum(axis=axis)
    sums = np.where(there, values, 0.0).sum(axis=axis)
    return _quotient(sums, counts)


def _quotient(sums: Array, counts: Array) -> Array:
    found: Array = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return found


def places(scores_of: Array, empty: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The place of each submission by its score: (sample, submission); equal scores share the least place.

    Args:
        scores_of: (sample, submission), smaller is better, NaN is none.
        empty: (submission,) those that have no value; they come last, whatever their score.
    """
    rounded = np.round(scores_of, _EQUAL)
    behind = np.where(empty | np.isnan(rounded), np.inf, rounded)
    placed: NDArray[np.int64] = rankdata(behind, method="min", axis=1).astype(np.int64)
    return placed
