"""A ranking as one reads it: places, scores, means with intervals, who differs from whom, and how all that was made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition
from bratseval.challenge.ranking import PERMUTATIONS
from bratseval.challenge.rules import Missing, Scheme, Ties
from bratseval.errors import InputError
from bratseval.leaderboard import SubmissionScores
from bratseval.ranking.columns import Column, Values, columns_of, values_of
from bratseval.ranking.resampling import SAMPLES, bootstrap_weights, interval, without_each
from bratseval.ranking.schemes import case_ranks, places, scores, weighted_means
from bratseval.ranking.significance import ALPHA, holm, pairwise_p, tiers

Array = NDArray[np.float64]
SEED: Final = 0


@dataclass(frozen=True)
class RankingSettings:
    """How a ranking is made: all that decides about it, so that whoever reads it can make it again.

    Attributes:
        metrics: by their names in cases.csv, without the region.
        ties: what equal values share; no organiser states it, so the middle of their places.
        samples: of the bootstrap.
        sources: of metrics, scheme and missing values where they are the edition's.
    """

    metrics: tuple[str, ...]
    scheme: Scheme
    missing: Missing
    ties: Ties = "average"
    permutations: int = PERMUTATIONS
    samples: int = SAMPLES
    seed: int = SEED
    alpha: float = ALPHA
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mean:
    """The mean of a column over the `n` cases that have a value, and its bootstrap interval."""

    mean: float
    lower: float
    upper: float
    n: int


@dataclass(frozen=True)
class Standing:
    """One submission and its place.

    Attributes:
        place: 1 is best; equal scores share the least place.
        score: of the scheme, smaller is better; NaN without any value.
        score_interval, place_interval: lower and upper, of the bootstrap.
        places_without: the best and the worst place when one case is left out.
        moved_by: the cases without which the place is another.
        tier: 1 is best; see `significance.tiers`.
        failed: cases whose prediction could not be used.
        means: by column.
    """

    name: str
    place: int
    score: float
    score_interval: tuple[float, float]
    place_interval: tuple[float, float]
    places_without: tuple[int, int]
    moved_by: tuple[str, ...]
    tier: int
    failed: int
    means: Mapping[str, Mean]


@dataclass(frozen=True)
class Ranking:
    """Submissions of one table, best first.

    Attributes:
        columns: what was ranked, metric by metric.
        cases: their ids.
        missing, undefined: how many values there were not; see `columns.Values`.
        p, adjusted: (submission, submission) above the diagonal, as tested and after Holm's correction.
    """

    edition: str
    settings: RankingSettings
    columns: tuple[Column, ...]
    cases: tuple[str, ...]
    missing: int
    undefined: int
    standings: tuple[Standing, ...]
    p: Array
    adjusted: Array


def settings_of(edition: Edition) -> RankingSettings:
    """How the organisers of an edition rank.

    Raises:
        InputError: nobody has stated it.
    """
    rules = edition.ranking
    if rules is None:
        raise InputError(
            f"{edition.name}: no organiser has stated how it ranks, expected a stated ranking. "
            "Give --metrics, --scheme and --missing to rank it explicitly."
        )
    return RankingSettings(rules.metrics, rules.scheme, rules.missing, sources=rules.sources)


def rank(submissions: Mapping[str, SubmissionScores], edition: Edition, settings: RankingSettings) -> Ranking:
    """Rank the submissions of one table.

    Args:
        submissions: by name, at least one, all with the same cases and regions; their
            order decides where ties are kept in the order of submissions.

    Raises:
        InputError: a metric is unknown; see `columns.columns_of` and `columns.values_of`.
    """
    names = tuple(submissions)
    first = submissions[names[0]]
    cases = tuple(sorted(case.case for case in first.cases))
    columns = columns_of(settings.metrics, first.regions, edition)
    values = values_of(tuple(submissions.values()), columns, edition, settings.missing)
    by_case = case_ranks(values.for_ranks, settings.ties)
    placed = _Placed(values, settings, len(cases))
    order = np.lexsort((np.arange(len(names)), placed.places))
    p = pairwise_p(by_case[order], settings.permutations, settings.seed)
    adjusted = holm(p)
    tier = tiers(adjusted, settings.alpha)
    means = _means(values, columns, placed.weights)
    return Ranking(
        edition=edition.name,
        settings=settings,
        columns=columns,
        cases=cases,
        missing=int(values.missing.sum()),
        undefined=int(values.undefined.sum()),
        standings=tuple(
            placed.standing(number, names[number], tier[position], means[number], submissions[names[number]], cases)
            for position, number in enumerate(order.tolist())
        ),
        p=p,
        adjusted=adjusted,
    )


class _Placed:
    """Scores and places of all cases, of the bootstrap's samples, and without each case."""

    def __init__(self, values: Values, settings: RankingSettings, cases: int) -> None:
        def scored(weights: Array) -> Array:
            ranked = values.for_ranks if settings.scheme == "case-ranks" else values.for_means
            return scores(ranked, weights, settings.scheme, settings.ties)

        self.weights = bootstrap_weights(cases, settings.samples, settings.seed)
        whole = scored(np.ones((1, cases)))
        resampled = scored(self.weights)
        self.scores = whole[0]
        self.places = places(whole, values.empty)[0]
        self.score_bounds = interval(resampled)
        self.place_bounds = interval(places(resampled, values.empty).astype(np.float64))
        self.places_without = places(scored(without_each(cases)), values.empty)

    def standing(
        self,
        number: int,
        name: str,
        tier: int,
        means: Mapping[str, Mean],
        scored: SubmissionScores,
        cases: Sequence[str],
    ) -> Standing:
        """The standing of one submission."""
        without = self.places_without[:, number]
        moved = np.flatnonzero(without != self.places[number])
        return Standing(
            name=name,
            place=int(self.places[number]),
            score=float(self.scores[number]),
            score_interval=_pair(self.score_bounds[:, number]),
            place_interval=_pair(self.place_bounds[:, number]),
            places_without=(int(without.min()), int(without.max())),
            moved_by=tuple(cases[case] for case in moved.tolist()),
            tier=tier,
            failed=sum(case.status == "failed" for case in scored.cases),
            means=means,
        )


def _pair(bounds: Array) -> tuple[float, float]:
    return float(bounds[0]), float(bounds[1])


def _means(values: Values, columns: Sequence[Column], weights: Array) -> list[dict[str, Mean]]:
    """For each submission the mean of each column as it was scored, after the treatment of what is missing."""
    sign = np.array([1.0 if column.larger_is_better else -1.0 for column in columns])
    counted = values.for_means * sign
    whole = weighted_means(counted, np.ones((1, counted.shape[1])))[0]
    lower, upper = interval(weighted_means(counted, weights))
    n = np.count_nonzero(~np.isnan(counted), axis=1)
    return [
        {
            column.name: Mean(float(whole[t, j]), float(lower[t, j]), float(upper[t, j]), int(n[t, j]))
            for j, column in enumerate(columns)
        }
        for t in range(len(counted))
    ]
