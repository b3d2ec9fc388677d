"""How many patients of each profile go to each fold, so that every stratum is spread evenly. Pure.

A profile is the number of cases that a patient has in each stratum; patients of one
profile are alike.

Why not scikit-learn 1.x's StratifiedGroupKFold (measured, shuffled): it spreads strata as
evenly (300 drawn cohorts of one case a patient: every stratum at its share rounded up or down;
a cohort like GLI-2024's: within 0.8 cases, as here), but in 37 of the 300 cohorts the folds'
sizes differ by more than one case. Here they never do.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseg.radiomics.projection import Numbers

TOLERANCE: Final = 1 + 1e-9  # cases that a fold may be away from its share
_ORDERS: Final = 5  # in which patients are placed, after the first
# What counts first: no stratum further from its share than tolerated, then even strata, then equal folds.
_EXCESS, _EVEN, _SIZE = 1e6, 1.0, 1e-3

Counts = NDArray[np.int64]


def spread_profiles(profiles: Counts, patients: Sequence[int], folds: int, generator: np.random.Generator) -> Counts:
    """How many patients of each profile go to each fold (profiles, folds).

    Exchanges can end where no single one helps though several would. So patients are
    placed again, in orders drawn at random, while a stratum is further from its share
    than its largest patient alone demands.

    Args:
        profiles: (profiles, strata), cases that a patient of the profile has in each stratum.
        patients: how many there are of each profile.
    """
    share = np.array(patients) @ profiles / folds
    demanded = float(np.maximum(profiles.max(axis=0) - share - TOLERANCE, 0).sum())
    queue = np.repeat(np.arange(len(profiles)), patients)
    best = _evened(_placed(queue, profiles, folds, share), profiles, share)
    for _ in range(_ORDERS):
        if _excess(best, profiles, share) <= demanded + 1e-6:
            break
        other = _evened(_placed(generator.permutation(queue), profiles, folds, share), profiles, share)
        best = min(best, other, key=lambda placed: float(_cost(placed.T @ profiles, share).sum()))
    return best


def _placed(queue: NDArray[np.int64], profiles: Counts, folds: int, share: Numbers) -> Counts:
    """Patients, given by their profiles, one after the other, each in the fold where it costs least."""
    placed = np.zeros((len(profiles), folds), dtype=np.int64)
    counts = np.zeros((folds, profiles.shape[1]), dtype=np.int64)
    for profile in queue.tolist():
        added = _cost(counts + profiles[profile], share) - _cost(counts, share)
        fold = int(added.argmin())
        placed[profile, fold] += 1
        counts[fold] += profiles[profile]
    return placed


def _evened(placed: Counts, profiles: Counts, share: Numbers) -> Counts:
    """The same after all exchanges between two folds that lower the cost, the best one first."""
    placed, counts = placed.copy(), placed.T @ profiles
    while exchange := _best_exchange(placed, counts, profiles, share):
        for profile, source, target in exchange:
            placed[profile, source] -= 1
            placed[profile, target] += 1
            counts[source] -= profiles[profile]
            counts[target] += profiles[profile]
    return placed


def _excess(placed: Counts, profiles: Counts, share: Numbers) -> float:
    """Cases too far from their share, over all folds and strata."""
    return float(np.maximum(np.abs(placed.T @ profiles - share) - TOLERANCE, 0).sum())


def _cost(counts: Counts, share: Numbers) -> Numbers:
    """How far folds with these cases (…, strata) are from their share; it adds up over folds."""
    off = np.abs(counts - share)
    excess = np.maximum(off - TOLERANCE, 0)
    size = counts.sum(axis=-1) - share.sum()
    cost: Numbers = (_EXCESS * excess**2 + _EVEN * off**2).sum(axis=-1) + _SIZE * size**2
    return cost


def _best_exchange(placed: Counts, counts: Counts, profiles: Counts, share: Numbers) -> list[tuple[int, int, int]]:
    """The exchange between two folds that lowers the cost most, as (profile, from, to); empty where none does.

    A patient of one profile goes one way, a patient of another profile, or nobody, the
    other way.
    """
    # (profiles + 1, strata): the last profile is nobody, whom every fold has
    some = np.vstack((profiles, np.zeros_like(profiles[:1])))
    is_there = np.vstack((placed > 0, np.ones((1, placed.shape[1]), dtype=bool)))
    best, chosen = -1e-6, None
    for one in range(len(counts)):
        for other in range(one):
            leaving, coming = np.flatnonzero(is_there[:, one]), np.flatnonzero(is_there[:, other])
            change = some[coming][np.newaxis] - some[leaving][:, np.newaxis]
            after = _cost(counts[one] + change, share) + _cost(counts[other] - change, share)
            gain = after - _cost(counts[[one, other]], share).sum()
            if gain.min() < best:
                i, j = np.unravel_index(int(gain.argmin()), gain.shape)
                best = float(gain.min())
                chosen = [(int(leaving[i]), one, other), (int(coming[j]), other, one)]
    return [move for move in chosen or () if move[0] < len(profiles)]
