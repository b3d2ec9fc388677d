"""Random pairs of volumes: the fast 2023 rules equal the slow ones to the last bit."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from numpy.typing import NDArray

from bratseval.challenge import EDITIONS, Edition
from bratseval.scoring.case import score_case
from reference.slow_2023 import score_2023

# surface-distance 0.1 takes scipy's functions from namespaces that scipy is giving up
pytestmark = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")

Spacing = tuple[float, float, float]
Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]

SPACINGS = (
    (1.0, 1.0, 1.0),
    (0.5, 0.5, 0.5),  # dyadic: distances on a lattice are exact
    (0.9375, 0.9375, 0.9375),  # cubes that are not dyadic
    (0.859375, 0.859375, 1.5),  # MET 2023, native
    (1.2, 0.7, 3.1),
    (float(np.float32(1.1)), 2.0, float(np.float32(0.3))),
)


@some.composite
def pairs(draw: some.DrawFn) -> Pair:
    """Two volumes of one shape, up to 16 voxels a side, with boxes of the labels 0 to 4, some across the border."""
    shape = tuple(draw(some.integers(1, 16)) for _ in range(3))
    order = draw(some.sampled_from("CF"))

    def volume(boxes: list[tuple[tuple[int, ...], tuple[int, ...], int]]) -> NDArray[np.uint8]:
        labels = np.zeros(shape, np.uint8, order=order)
        for start, size, label in boxes:
            labels[tuple(slice(max(0, s), max(0, s + n)) for s, n in zip(start, size, strict=True))] = label
        return labels

    box = some.tuples(
        some.tuples(*(some.integers(-2, side - 1) for side in shape)),
        some.tuples(*(some.integers(1, 7) for _ in shape)),
        some.integers(0, 4),
    )
    prediction, reference = (volume(draw(some.lists(box, max_size=7))) for _ in range(2))
    if draw(some.booleans()):  # a prediction that is nearly correct
        prediction = np.where(prediction == 0, reference, prediction)
    return prediction, reference


SETTINGS = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
ANY_EDITION = some.sampled_from([EDITIONS[name] for name in ("gli-2023", "men-2023", "met-2023")])


@settings(SETTINGS, max_examples=200)
@given(pairs(), some.sampled_from(SPACINGS), ANY_EDITION)
def test_fast_and_slow_agree(pair: Pair, spacing_mm: Spacing, rules: Edition) -> None:
    assert_equals_slow(pair, spacing_mm, rules)


@pytest.mark.slow
@settings(SETTINGS, max_examples=2000)
@given(pairs(), some.sampled_from(SPACINGS), ANY_EDITION)
def test_fast_and_slow_agree_on_2000_volumes(pair: Pair, spacing_mm: Spacing, rules: Edition) -> None:
    assert_equals_slow(pair, spacing_mm, rules)


def assert_equals_slow(pair: Pair, spacing_mm: Spacing, rules: Edition) -> None:
    whole = rules.regions["WT"]
    slow = score_2023(*pair, spacing_mm, whole.merge_steps, whole.small_mm3)
    assert score_case(*pair, spacing_mm, rules).regions == slow
