"""The smallest box around what is not 0 in a volume."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bratseval.metrics.components import Mask

Box = tuple[slice, slice, slice]


def bounding_box(*volumes: NDArray[np.uint8] | Mask, margin: int = 0) -> Box:
    """Where any of some volumes is not 0, and `margin` voxels around it, cut at their border.

    Args:
        volumes: (x, y, z) each, of one shape; three axes in any other order give the box in that order.
        margin: voxels.

    Returns:
        A slice along each axis; three empty ones, `slice(0, 0)`, if all volumes are 0 throughout.
    """
    spans = [_spans(volume) for volume in volumes]
    x, y, z = (
        _union([volume_spans[axis] for volume_spans in spans], margin, side)
        for axis, side in enumerate(volumes[0].shape)
    )
    return x, y, z


def _spans(volume: NDArray[np.uint8] | Mask) -> list[slice]:
    """Along each axis, from the first plane that is not 0 to the last; empty if there is none."""
    slowest = int(np.argmax(volume.strides))
    plane = np.bitwise_or.reduce(volume, axis=slowest)  # along memory: the one pass over the whole volume
    spans: list[slice] = [_range(plane.any(axis=1)), _range(plane.any(axis=0))]
    spans.insert(slowest, slice(None))
    others = tuple({0, 1, 2} - {slowest})
    spans[slowest] = _range(np.asarray(volume[tuple(spans)].any(axis=others)))
    return spans


def _union(spans: Sequence[slice], margin: int, side: int) -> slice:
    there = [span for span in spans if span.stop]
    if not there:
        return slice(0, 0)
    return slice(
        max(0, min(span.start for span in there) - margin), min(side, max(span.stop for span in there) + margin)
    )


def _range(there: NDArray[np.bool_]) -> slice:
    """From the first true entry to the last; empty if there is none."""
    along = np.flatnonzero(there)
    return slice(int(along[0]), int(along[-1]) + 1) if len(along) else slice(0, 0)
