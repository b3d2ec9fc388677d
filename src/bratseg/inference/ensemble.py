"""Many predictions into one: the weighted mean of probabilities, and labels painted from it.

Members predict regions (sigmoid: WT, TC, ET) or labels (softmax). Where all
predict the same labels the largest mean wins; otherwise label probabilities are
summed into regions, the regions are averaged, and those above one half are painted
one over the other. Source: nnU-Net v2's region-based training; the winners' code for
the mean (method: shares between networks, equal weight for the folds of one).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseg.models.member import Outputs

THRESHOLD: Final = 0.5  # nnunetv2 2.8.1, LabelManager: a region is where its probability is above one half


def common_outputs(members: Sequence[Outputs]) -> Outputs:
    """What the mean of these members consists of.

    Returns:
        The outputs themselves when all members have the same; otherwise the
        regions of the first member that predicts regions.

    Raises:
        ValueError: there is no member, or a member can't give these regions: it
            predicts other regions, or labels that cut through one.
    """
    if not members:
        raise ValueError("an ensemble needs at least one member")
    if all(outputs == members[0] for outputs in members):
        return members[0]
    common = next((outputs for outputs in members if outputs.kind == "regions"), None)
    if common is None:
        raise ValueError("members predict different labels and none predicts regions, so they have no common mean")
    for outputs in members:
        _sources(outputs, common)
    return common


def to_common(probabilities: NDArray[np.float32], outputs: Outputs, common: Outputs) -> NDArray[np.float32]:
    """One member's probabilities (outputs, x, y, z) as probabilities of the common outputs, same axes.

    Raises:
        ValueError: the member's outputs can't be summed into the common ones.
    """
    if outputs == common:
        return probabilities
    return np.stack([probabilities[sources].sum(axis=0) for sources in _sources(outputs, common)])


def paint(mean: NDArray[np.float32], common: Outputs) -> NDArray[np.uint8]:
    """Labels (x, y, z) from mean probabilities (outputs, x, y, z).

    Regions above one half are painted in their order, the last on top; labels are
    those with the largest probability, the first of equals.
    """
    if common.kind == "labels":
        values = np.array([labels[0] for labels in common.labels], dtype=np.uint8)
        winners: NDArray[np.uint8] = values[mean.argmax(axis=0)]
        return winners
    painted = np.zeros(mean.shape[1:], dtype=np.uint8)
    for channel, label in zip(mean, common.paint, strict=True):
        painted[channel > THRESHOLD] = label
    return painted


def _sources(outputs: Outputs, common: Outputs) -> list[list[int]]:
    """For each common region, the member's channels whose sum is its probability."""
    sources = []
    for region in map(set, common.labels):
        if outputs.kind == "regions":
            channels = [i for i, labels in enumerate(outputs.labels) if set(labels) == region]
        else:
            channels = [i for i, labels in enumerate(outputs.labels) if set(labels) <= region]
        covered = {label for i in channels for label in outputs.labels[i]}
        if covered != region:
            raise ValueError(f"a member that predicts {outputs.kind} can't give the region {sorted(region)}")
        sources.append(channels)
    return sources
