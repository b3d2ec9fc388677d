"""The smallest box around the non-zero voxels of volumes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bratseval.metrics.components import Mask

Box = tuple[slice, slice, slice]


def bounding_box(*volumes: NDArray[np.uint8] | Mask, margin: int = 0) -> Box:
    """The box of the voxels where any of the volumes is not 0, with a margin as far as the volumes have one.

    Args:
        volumes: (x, y, z) each, of one shape; three axes in another order give the box in that order.
        margin: voxels to add on every side.

    Returns:
        A slice along each axis; three empty slices, `slice(0, 0)`, if all voxels are 0.
    """
    spans = [_spans(volume) for volume in volumes]
    x, y, z = (
        _union([volume_spans[axis] for volume_spans in spans], margin, side)
        for axis, side in enumerate(volumes[0].shape)
    )
    return x, y, z


def _spans(volume: NDArray[np.uint8] | Mask) -> list[slice]:
    """Along each axis, from the first non-zero plane to the last; empty slices if there is none."""
    slowest = int(np.argmax(volume.strides))
    plane = np.bitwise_or.reduce(volume, axis=slowest)  # along memory: the one pass over the whole volume
    spans: list[slice] = [_range(plane.any(axis=1)), _range(plane.any(axis=0))]
    spans.insert(slowest, slice(None))
    others = tuple({0, 1, 2} - {slowest})
    spans[slowest] = _range(np.asarray(volume[tuple(spans)].any(axis=others)))
    return spans


def _union(spans: Sequence[slice], margin: int, side: int) -> slice:
    filled = [span for span in spans if span.stop]
    if not filled:
        return slice(0, 0)
    first, last = min(span.start for span in filled), max(span.stop for span in filled)
    return slice(max(0, first - margin), min(side, last + margin))


def _range(filled: NDArray[np.bool_]) -> slice:
    """From the first true entry to the last; empty if there is none."""
    along = np.flatnonzero(filled)
    return slice(int(along[0]), int(along[-1]) + 1) if len(along) else slice(0, 0)
