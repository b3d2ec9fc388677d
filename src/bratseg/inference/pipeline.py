"""From a case's files to its labels: the only file that knows the order of the steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bratseg.inference.ensemble import common_outputs, paint, to_common
from bratseg.inference.preprocessing import Prepared, preprocess, restore, to_probabilities
from bratseg.inference.sliding_window import sliding_window
from bratseg.models.member import Member, OutOfDeviceMemory, Outputs, Preprocessing
from bratseval.challenge import Modality
from bratseval.files.case_images import Volume, case_in_lps
from bratseval.files.orientation import from_lps, reorient, reoriented_affine, reoriented_spacing_mm, to_lps

if TYPE_CHECKING:
    from bratseg.postprocess.clusters import Clusters

# A case's inputs by the recipe that made them, so that members with the same share them.
Recipes = dict[tuple[Preprocessing, tuple[Modality, ...]], Prepared]


@dataclass(frozen=True)
class Ensemble:
    """Members ready on their device, each with its part of the mean, and the fitted post-processing.

    Attributes:
        no_clusters_reason: why `clusters` is None, which means no post-processing.
    """

    members: Sequence[tuple[Member, float]]
    clusters: "Clusters | None"
    tile_step: float
    no_clusters_reason: str = "the weights carry no fitted clusters"

    @property
    def outputs(self) -> Outputs:
        """What the mean consists of."""
        return common_outputs([member.description.outputs for member, _ in self.members])


@dataclass(frozen=True)
class Segmentation:
    """Labels (x, y, z) on the case's own grid, and what happened on the way to them."""

    labels: NDArray[np.uint8]
    postprocess: str
    removed_voxels: int
    steps_down: tuple[str, ...]


def segment(
    volume: Volume, ensemble: Ensemble, on_tile: Callable[[int, int, int, int], None] = lambda *_: None
) -> Segmentation:
    """The labels of a case: preprocessed once for each recipe, averaged over members, painted, cleaned.

    Args:
        on_tile: called with (member, members, tile, tiles), counted from 1, after each tile.

    Raises:
        OutOfDeviceMemory: a member found no room, even after every step down.
    """
    common = ensemble.outputs
    prepared: Recipes = {}
    steps: list[str] = []
    share_sum = sum(share for _, share in ensemble.members)
    mean: NDArray[np.float32] | None = None
    for i, (member, share) in enumerate(ensemble.members, start=1):
        probabilities = predict_member(
            volume,
            member,
            ensemble.tile_step,
            prepared,
            steps,
            lambda *t, i=i: on_tile(i, len(ensemble.members), *t),
        )
        part = to_common(probabilities, member.description.outputs, common) * np.float32(share / share_sum)
        mean = part if mean is None else mean + part
    if mean is None:
        raise ValueError("an ensemble needs at least one member")
    labels, reason, removed = _postprocess(paint(mean, common), volume, ensemble)
    own = np.ascontiguousarray(from_lps(labels, volume.grid.affine))
    return Segmentation(own, reason, removed, tuple(steps))


def predict_member(
    volume: Volume,
    member: Member,
    tile_step: float,
    prepared: Recipes,
    steps: list[str],
    on_tile: Callable[[int, int], None] = lambda *_: None,
) -> NDArray[np.float32]:
    """One member's probabilities of a case, (outputs, x, y, z) in LPS.

    Args:
        prepared: inputs that earlier members made; what this one makes is added.
        steps: gets a line for each step down that the member took because its device was full.

    Raises:
        OutOfDeviceMemory: the member found no room, even after every step down.
    """
    description = member.description
    key = (description.preprocessing, description.inputs)
    if key not in prepared:
        prepared[key] = _prepare(volume, *key)
    outputs = _with_steps_down(member, prepared[key].data, tile_step, steps, on_tile)
    probabilities = to_probabilities(restore(outputs, prepared[key]), description, prepared[key])
    return _turn(probabilities, volume, description.preprocessing.orientation)


def _prepare(volume: Volume, recipe: Preprocessing, inputs: Sequence[Modality]) -> Prepared:
    affine = volume.grid.affine
    channels = np.stack([reorient(volume.images[modality], affine, recipe.orientation) for modality in inputs])
    x, y, z = reoriented_spacing_mm(volume.grid, recipe.orientation)
    return preprocess(channels.transpose(0, 3, 2, 1), (z, y, x), recipe)


def _with_steps_down(
    member: Member,
    image: NDArray[np.float32],
    step: float,
    steps: list[str],
    on_tile: Callable[[int, int], None],
) -> NDArray[np.float32]:
    """The member's outputs; when its device is full it uses less memory, which is written to `steps`."""
    while True:
        try:
            return sliding_window(member, image, step=step, on_tile=on_tile)
        except OutOfDeviceMemory:
            step_taken = member.step_down()
            if step_taken is None:
                raise
            steps.append(f"out of device memory: {step_taken}")


def _turn(probabilities: NDArray[np.float32], volume: Volume, orientation: str) -> NDArray[np.float32]:
    """Probabilities (o, z, y, x) of a recipe's orientation as (o, x, y, z) in the common one. A view."""
    affine = reoriented_affine(volume.grid, orientation)
    return to_lps(probabilities.transpose(0, 3, 2, 1), affine)


def _postprocess(labels: NDArray[np.uint8], volume: Volume, ensemble: Ensemble) -> tuple[NDArray[np.uint8], str, int]:
    """Labels after the fitted thresholds, why these, and how many voxels were removed."""
    if ensemble.clusters is None:
        return labels, f"none: {ensemble.no_clusters_reason}", 0
    from bratseg.postprocess.apply import (
        postprocess_case,  # with its scipy.spatial and pyradiomics, for those who need it
    )

    case = case_in_lps(volume)
    result = postprocess_case(labels, case.images, case.spacing_mm, ensemble.clusters)
    return result.labels, result.reason, sum(result.removed_voxels.values())
