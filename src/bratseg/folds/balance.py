"""How even folds are beside random folds. Pure.

Random folds are nnU-Net's own: cases shuffled and divided into equal parts, without regard
to patients.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseg.folds.split import counts_of

DRAWS: Final = 1000


@dataclass(frozen=True, eq=False)
class Balance:
    """A stratum's cases in each fold, and what random folds would have.

    Attributes:
        counts: (folds,).
        share: the stratum's cases divided by the number of folds.
        largest: the largest distance of a fold from its share, in cases.
        random_interval: holds 95 % of the counts in random folds.
        random_largest: median and 95 % quantile of the largest distance in random folds.
    """

    counts: NDArray[np.int64]
    share: float
    largest: float
    random_interval: tuple[float, float]
    random_largest: tuple[float, float]


def balances(
    strata: Sequence[int], fold_of: Sequence[int], folds: int, *, draws: int = DRAWS, seed: int = 0
) -> Mapping[int, Balance]:
    """The balance of each stratum, in order."""
    chance = {stratum: np.empty((draws, folds)) for stratum in sorted(set(strata))}
    for draw, drawn in enumerate(random_folds(len(strata), folds, draws=draws, seed=seed)):
        for stratum, counts in counts_of(strata, drawn.tolist(), folds).items():
            chance[stratum][draw] = counts
    return {stratum: _balance(counts, chance[stratum]) for stratum, counts in counts_of(strata, fold_of, folds).items()}


def random_folds(cases: int, folds: int, *, draws: int = DRAWS, seed: int = 0) -> Iterator[NDArray[np.int64]]:
    """Folds of equal size drawn at random, each as (cases,) fold numbers."""
    generator = np.random.default_rng(seed)
    parts = np.arange(cases) * folds // max(cases, 1)
    for _ in range(draws):
        yield generator.permutation(parts)


def split_patients(patients: Sequence[str], fold_of: Sequence[int]) -> int:
    """How many patients have cases in more than one fold."""
    places: dict[str, set[int]] = {}
    for patient, fold in zip(patients, fold_of, strict=True):
        places.setdefault(patient, set()).add(fold)
    return sum(len(found) > 1 for found in places.values())


def _balance(counts: NDArray[np.int64], chance: NDArray[np.float64]) -> Balance:
    share = float(counts.sum() / len(counts))
    low, high = np.quantile(chance, (0.025, 0.975)).tolist()
    median, most = np.quantile(np.abs(chance - share).max(axis=1), (0.5, 0.95)).tolist()
    return Balance(counts, share, float(np.abs(counts - share).max()), (low, high), (median, most))
