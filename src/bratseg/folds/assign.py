"""Assigning patients of several kinds to folds so that every stratum is spread evenly. Pure.

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
# What counts first in dealing: no stratum further from its share than tolerated, then strata even, then folds equal.
_EXCESS, _EVEN, _SIZE = 1e6, 1.0, 1e-3

Counts = NDArray[np.int64]


def dealt_kinds(profiles: Counts, numbers: Sequence[int], folds: int, generator: np.random.Generator) -> Counts:
    """How many patients of each kind go to each fold (kinds, folds).

    Exchanges can end where no single one helps though several would. So patients are
    placed again, in orders that are drawn, while a stratum is further from its share
    than its largest patient alone demands.

    Args:
        profiles: (kinds, strata): cases that a patient of a kind has in each stratum.
        numbers: how many patients there are of each kind.
    """
    share = np.array(numbers) @ profiles / folds
    demanded = float(np.maximum(profiles.max(axis=0) - share - TOLERANCE, 0).sum())
    queue = np.repeat(np.arange(len(profiles)), numbers)
    best = _evened(_placed(queue, profiles, folds, share), profiles, share)
    for _ in range(_ORDERS):
        if _excess(best, profiles, share) <= demanded + 1e-6:
            break
        other = _evened(_placed(generator.permutation(queue), profiles, folds, share), profiles, share)
        best = min(best, other, key=lambda dealt: float(_cost(dealt.T @ profiles, share).sum()))
    return best


def _placed(queue: NDArray[np.int64], profiles: Counts, folds: int, share: Numbers) -> Counts:
    """Patients, told by their kinds, one after the other, each to the fold where it costs least."""
    dealt = np.zeros((len(profiles), folds), dtype=np.int64)
    counts = np.zeros((folds, profiles.shape[1]), dtype=np.int64)
    for kind in queue.tolist():
        gains = _cost(counts + profiles[kind], share) - _cost(counts, share)
        fold = int(gains.argmin())
        dealt[kind, fold] += 1
        counts[fold] += profiles[kind]
    return dealt


def _evened(dealt: Counts, profiles: Counts, share: Numbers) -> Counts:
    """The same after all exchanges that even strata out."""
    dealt, counts = dealt.copy(), dealt.T @ profiles
    while _swap(dealt, counts, profiles, share):
        pass
    return dealt


def _excess(dealt: Counts, profiles: Counts, share: Numbers) -> float:
    """Cases too far from their share, over all folds and strata."""
    return float(np.maximum(np.abs(dealt.T @ profiles - share) - TOLERANCE, 0).sum())


def _cost(counts: Counts, share: Numbers) -> Numbers:
    """How far folds with these cases (…, strata) are from their share; it adds up over folds."""
    off = np.abs(counts - share)
    excess = np.maximum(off - TOLERANCE, 0)
    size = counts.sum(axis=-1) - share.sum()
    cost: Numbers = (_EXCESS * excess**2 + _EVEN * off**2).sum(axis=-1) + _SIZE * size**2
    return cost


def _swap(dealt: Counts, counts: Counts, profiles: Counts, share: Numbers) -> bool:
    """Make the one exchange between two folds that lowers the cost most; false where none does.

    A patient of one kind goes one way, a patient of another kind, or nobody, the other
    way. `dealt` and `counts` are changed in place.
    """
    # (kinds + 1, strata): the last kind is nobody, whom every fold has
    some = np.vstack((profiles, np.zeros_like(profiles[:1])))
    there = np.vstack((dealt > 0, np.ones((1, dealt.shape[1]), dtype=bool)))
    best, chosen = -1e-6, None
    for one in range(len(counts)):
        for other in range(one):
            here, yonder = np.flatnonzero(there[:, one]), np.flatnonzero(there[:, other])
            change = some[yonder][np.newaxis] - some[here][:, np.newaxis]
            after = _cost(counts[one] + change, share) + _cost(counts[other] - change, share)
            gain = after - _cost(counts[[one, other]], share).sum()
            if gain.min() < best:
                i, j = np.unravel_index(int(gain.argmin()), gain.shape)
                best, chosen = float(gain.min()), (one, other, int(here[i]), int(yonder[j]))
    if chosen is None:
        return False
    one, other, leaving, coming = chosen
    for kind, source, target in ((leaving, one, other), (coming, other, one)):
        if kind < len(profiles):
            dealt[kind, source] -= 1
            dealt[kind, target] += 1
    counts[one] += some[coming] - some[leaving]
    counts[other] -= some[coming] - some[leaving]
    return True
