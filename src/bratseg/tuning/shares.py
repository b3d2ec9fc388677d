"""The share of each member in the mean, from out-of-fold predictions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseg.inference.ensemble import common_outputs, paint, to_common
from bratseg.inference.out_of_fold import OutOfFoldPrediction
from bratseg.tuning.choice import EPS
from bratseg.tuning.search import Objective
from bratseval.challenge import Edition
from bratseval.metrics.mesh_surface import Spacing
from bratseval.scoring.case import score_case
from bratseval.scoring.lesionwise import LESION_DICE, LESION_HD95

# Steps from 0 to 1. The paper's shares, 0.4722 and 0.5278, are 17/36 and 19/36 to all their digits; more members have
# coarser steps, or there would be thousands of shares.
_STEPS: Final[Mapping[int, int]] = {2: 36, 3: 12}
_STEPS_OF_MANY: Final = 8

Shares = tuple[float, ...]


@dataclass(frozen=True)
class ShareChoice:
    """The shares chosen, and the mean objective over cases and regions of every share that was tried."""

    shares: Shares
    means: Mapping[Shares, float]


def share_grid(members: int) -> tuple[Shares, ...]:
    """All shares of some members in equal steps, none of them 0, and equal ones; they add up to 1."""
    if members == 1:
        return ((1.0,),)
    steps = max(_STEPS.get(members, _STEPS_OF_MANY), members)
    grid = [tuple(part / steps for part in parts) for parts in _parts(steps, members)]
    equal = (1 / members,) * members
    return (*grid, *(() if any(np.allclose(equal, shares) for shares in grid) else (equal,)))


def paint_mean(predictions: Sequence[OutOfFoldPrediction], shares: Shares) -> NDArray[np.uint8]:
    """The labels (x, y, z) that the weighted mean of the members paints, summed in the order of `pipeline.segment`.

    Raises:
        ValueError: the members have no common outputs.
    """
    common = common_outputs([prediction.outputs for prediction in predictions])
    total = sum(shares)
    mean: NDArray[np.float32] | None = None
    for prediction, share in zip(predictions, shares, strict=True):
        probabilities = prediction.probabilities.astype(np.float32)
        part = to_common(probabilities, prediction.outputs, common) * np.float32(share / total)
        mean = part if mean is None else mean + part
    if mean is None:
        raise ValueError("an ensemble needs at least one member")
    return paint(mean, common)


def score_shares(
    predictions: Sequence[OutOfFoldPrediction],
    reference: NDArray[np.generic],
    spacing_mm: Spacing,
    edition: Edition,
    tried: Sequence[Shares],
    objective: Objective,
) -> NDArray[np.float64]:
    """(tried,), a case's lesion-wise mean over regions for each share; shares that paint the same are scored once."""
    key = LESION_DICE if objective == "dice" else LESION_HD95
    known: dict[bytes, float] = {}
    scores = []
    for shares in tried:
        labels = paint_mean(predictions, shares)
        painted = labels.tobytes()
        if painted not in known:
            regions = score_case(labels, reference, spacing_mm, edition).regions
            known[painted] = float(np.mean([values[key] for values in regions.values()]))
        scores.append(known[painted])
    return np.array(scores)


def choose_shares(tried: Sequence[Shares], scores: NDArray[np.float64], objective: Objective) -> ShareChoice:
    """The best shares of those tried; of those within EPS of the best, the nearest to equal, the first of these.

    Args:
        scores: (cases, tried).
    """
    means = scores.mean(axis=0)
    utility = means if objective == "dice" else -means
    good = np.flatnonzero(utility >= utility.max() - EPS[objective])
    unequal = [round(float(np.var(tried[i])), 12) for i in good.tolist()]
    return ShareChoice(tried[int(good[int(np.argmin(unequal))])], dict(zip(tried, means.tolist(), strict=True)))


def _parts(total: int, members: int) -> Iterator[tuple[int, ...]]:
    if members == 1:
        yield (total,)
        return
    for first in range(1, total - members + 2):
        for rest in _parts(total - first, members - 1):
            yield (first, *rest)
