"""Adaptive post-processing: small components removed and scarce labels redefined, by the case's cluster.

A case that belongs to no cluster, or has no features to find one by, gets the global thresholds and
says why; it never gets those of a cluster that is not its own.

Order and counting (label by label, 26-connectivity, strictly below): arXiv 2412.04111
and the winners' public code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bratseg.postprocess.clusters import Clusters, assign
from bratseg.postprocess.thresholds import LABEL_BY_NAME, Fill, Mode, Redefinition, Removal, Thresholds
from bratseg.radiomics.features import NoFeatures, extract_features
from bratseval.challenge import LABEL_NAMES, REGIONS, Modality
from bratseval.metrics.bounding_box import bounding_box
from bratseval.metrics.components import Mask, connected_components

EMPTY: Final = "empty_wt: no tumour was segmented, so there is nothing to post-process"

Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class Cleaned:
    """Labels after thresholds.

    Attributes:
        labels: (x, y, z).
        removed_voxels: of each label that lost some to a removal, how many.
        redefined_voxels: of each label that was redefined, how many.
    """

    labels: Labels
    removed_voxels: Mapping[int, int]
    redefined_voxels: Mapping[int, int]


@dataclass(frozen=True)
class Postprocessed:
    """A case's labels (x, y, z) after its thresholds; `reason` says which and why, and what they changed."""

    labels: Labels
    reason: str
    removed_voxels: Mapping[int, int]
    redefined_voxels: Mapping[int, int]


def postprocess_case(
    labels: Labels,
    images: Mapping[Modality, NDArray[np.float32]],
    spacing_mm: tuple[float, float, float],
    clusters: Clusters,
) -> Postprocessed:
    """A case's labels after the thresholds of its cluster, or the global ones where it belongs to none.

    Args:
        labels: (x, y, z), as painted; without any tumour they come back as they are.
        images: each modality, (x, y, z) like `labels`.
        spacing_mm: voxel edges along (x, y, z).
    """
    if not labels.any():
        return Postprocessed(labels, EMPTY, {}, {})
    thresholds, reason = _choose(labels, images, spacing_mm, clusters)
    cleaned = apply_thresholds(
        labels, thresholds, mode=clusters.mode, fill=clusters.fill, voxel_mm3=float(np.prod(spacing_mm))
    )
    reason = f"{reason}; {_changes(cleaned)}"
    return Postprocessed(cleaned.labels, reason, cleaned.removed_voxels, cleaned.redefined_voxels)


def apply_thresholds(labels: Labels, thresholds: Thresholds, *, mode: Mode, fill: Fill, voxel_mm3: float) -> Cleaned:
    """Labels after the removals, each on what the one before left, and then the redefinitions likewise.

    Returns:
        New labels, those given are not changed. A voxel counts as removed if the
        removals left it another label than it had.
    """
    kept = labels.copy()
    if labels.any():
        box = bounding_box(labels, margin=1)  # all that happens, happens around the tumour
        for removal in thresholds.remove:
            kept[box] = remove_small(kept[box], removal, mode=mode, fill=fill, voxel_mm3=voxel_mm3)
    removed = _counts(labels[kept != labels])
    redefined: dict[int, int] = {}
    for redefinition in thresholds.redefine:
        scarce = _scarce(kept, redefinition)
        kept[scarce] = LABEL_BY_NAME[redefinition.to]
        if count := int(np.count_nonzero(scarce)):
            redefined[LABEL_BY_NAME[redefinition.label]] = count
    return Cleaned(kept, removed, redefined)


def remove_small(labels: Labels, removal: Removal, *, mode: Mode, fill: Fill, voxel_mm3: float) -> Labels:
    """Labels without a label's, or a region's, 26-connected components of less than `removal.below_mm3`.

    Args:
        fill: what comes in a component's place. `background`: 0. `surrounding`: the
            label of most tumour voxels that touch it by a face, an edge or a corner, of
            equals the lowest; 0 where no tumour does, so WT loses only what stands alone.
    """
    wanted = (LABEL_BY_NAME[removal.of],) if mode == "labels" else tuple(REGIONS[removal.of])
    components = connected_components(np.isin(labels, wanted))
    # 75 mm3 are 75 voxels of 1 mm, whatever the rounding in an affine that says 0.9999999 mm
    small = components.voxels < round(removal.below_mm3 / voxel_mm3, 3)
    kept = labels.copy()
    if fill == "background":
        kept[np.concatenate([[False], small])[components.labels]] = 0
        return kept
    boxes = ndimage.find_objects(components.labels, max_label=components.count)
    for number in np.flatnonzero(small) + 1:
        box = tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in boxes[number - 1])
        part = components.labels[box] == number
        kept[box][part] = _surrounding(labels[box], part)
    return kept


def _choose(
    labels: Labels,
    images: Mapping[Modality, NDArray[np.float32]],
    spacing_mm: tuple[float, float, float],
    clusters: Clusters,
) -> tuple[Thresholds, str]:
    """The case's thresholds, and why these."""
    try:
        features = extract_features(labels, images, spacing_mm, clusters.preset)
    except NoFeatures as error:
        return clusters.global_thresholds, f"global thresholds: {error}"
    found = assign(features, clusters)
    reach = f"{clusters.outlier_quantile:.0%} of its training cases lie within {found.limit:.4g}"
    if found.outlier:
        nearest = f"the nearest cluster, {found.cluster}, is {found.distance:.4g} away"
        return clusters.global_thresholds, f"global thresholds: a case like none in training, {nearest}, while {reach}"
    reason = f"cluster {found.cluster}: {found.distance:.4g} from its centre, {reach}"
    return clusters.clusters[found.cluster].thresholds, reason


def _changes(cleaned: Cleaned) -> str:
    changes = [
        f"{verb} {_total(voxels)}"
        for verb, voxels in (("removed", cleaned.removed_voxels), ("redefined", cleaned.redefined_voxels))
        if voxels
    ]
    return ", ".join(changes) or "nothing changed"


def _total(voxels: Mapping[int, int]) -> str:
    return " and ".join(
        f"{count} voxel{'s' if count > 1 else ''} of {LABEL_NAMES.get(label, label)}" for label, count in voxels.items()
    )


def _scarce(labels: Labels, redefinition: Redefinition) -> Mask:
    """Where the label is, if it makes up too little of the tumour; nowhere otherwise, and without any tumour."""
    mask: Mask = labels == LABEL_BY_NAME[redefinition.label]
    tumour = np.count_nonzero(labels)
    if tumour and np.count_nonzero(mask) / tumour < redefinition.below_ratio:
        return mask
    return np.zeros_like(mask)


def _surrounding(labels: Labels, part: Mask) -> int:
    """The label that most tumour voxels around a part have; 0 where there are none."""
    ring = labels[ndimage.binary_dilation(part, np.ones((3, 3, 3), dtype=bool)) & ~part]
    return int(np.bincount(ring[ring != 0], minlength=1).argmax())


def _counts(labels: NDArray[Any]) -> dict[int, int]:
    return {label: count for label, count in enumerate(np.bincount(labels).tolist()) if count}
