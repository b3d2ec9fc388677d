"""The mean of members and the labels painted from it."""

import numpy as np
import pytest

from bratseg.inference.ensemble import common_outputs, paint, to_common
from bratseg.models.member import Outputs
from factories.members import LABELS, REGIONS


def voxel(*values: float) -> np.ndarray:
    """Probabilities of a volume of one voxel."""
    return np.array(values, dtype=np.float32).reshape(-1, 1, 1, 1)


def test_label_probabilities_are_summed_into_regions() -> None:
    # background 0.1, NCR 0.2, ED 0.3, ET 0.4: WT 0.9, TC 0.6, ET 0.4
    regions = to_common(voxel(0.1, 0.2, 0.3, 0.4), LABELS, REGIONS)
    np.testing.assert_allclose(regions.ravel(), [0.9, 0.6, 0.4], rtol=1e-6)


def test_regions_in_another_order_are_put_in_the_common_one() -> None:
    other = Outputs("regions", ((3,), (1, 2, 3), (1, 3)), (3, 2, 1))
    np.testing.assert_array_equal(to_common(voxel(0.1, 0.2, 0.3), other, REGIONS).ravel(), voxel(0.2, 0.3, 0.1).ravel())


def test_members_that_agree_keep_their_outputs_and_others_meet_in_regions() -> None:
    assert common_outputs([LABELS, LABELS]) == LABELS
    assert common_outputs([LABELS, REGIONS]) == REGIONS


def test_members_without_a_common_answer_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one member"):
        common_outputs([])
    with pytest.raises(ValueError, match="can't give the region"):
        common_outputs([REGIONS, Outputs("regions", ((1, 2, 3), (2,), (3,)), (1, 2, 3))])
    with pytest.raises(ValueError, match="no common mean"):
        common_outputs([LABELS, Outputs("labels", ((0,), (1, 3), (2,)))])


@pytest.mark.parametrize(
    ("probabilities", "label"),
    [
        ((0.5, 0.5, 0.5), 0),  # above one half, not at it
        ((0.6, 0.4, 0.4), 2),
        ((0.6, 0.6, 0.4), 1),
        ((0.6, 0.6, 0.6), 3),
        ((0.4, 0.4, 0.6), 3),  # each region is painted for itself, as upstream does
    ],
)
def test_regions_are_painted_one_over_the_other(probabilities: tuple[float, ...], label: int) -> None:
    assert paint(voxel(*probabilities), REGIONS).item() == label


def test_the_most_probable_label_wins_and_the_first_of_equals() -> None:
    assert paint(voxel(0.2, 0.1, 0.6, 0.1), LABELS).item() == 2
    assert paint(voxel(0.4, 0.4, 0.1, 0.1), LABELS).item() == 0
    assert paint(voxel(0.1, 0.8, 0.1), Outputs("labels", ((0,), (3,), (1,)))).item() == 3
