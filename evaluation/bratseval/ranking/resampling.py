"""How much a ranking owes to the cases at hand: bootstrap intervals, and places without one case."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SAMPLES: Final = 2000
LEVEL: Final = 0.95


def bootstrap_weights(cases: int, samples: int, seed: int) -> Array:
    """How often each case is drawn in samples with replacement: (sample, case), rows sum to `cases`."""
    random = np.random.default_rng(seed)
    return random.multinomial(cases, np.full(cases, 1 / cases), size=samples).astype(np.float64)


def without_each(cases: int) -> Array:
    """Every case left out once: (case, case), ones but for the diagonal."""
    return 1.0 - np.eye(cases)


def interval(samples: Array, level: float = LEVEL) -> Array:
    """The percentile interval over the first axis: (2, …), lower and upper; NaN where no sample has a value."""
    tail = (1 - level) / 2
    absent = np.isnan(samples).all(axis=0)
    bounds: Array = np.nanquantile(np.where(absent, 0.0, samples), (tail, 1 - tail), axis=0)
    return np.where(absent, np.nan, bounds)
