"""Connected components and lesions of masks, and which predicted component touches which lesion.

The rules join components to one lesion when they meet after dilation, and a predicted
component finds a lesion when it touches the dilated lesion. The official code dilates each
lesion by itself on the whole volume. Here the whole mask is dilated and labelled once: a
component of the dilated mask is one dilated lesion, so this single labelling says both
which components are one lesion and which predicted components touch it.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import cc3d
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Labels = NDArray[np.unsignedinteger[Any]]  # (x, y, z), of the smallest unsigned type that holds the numbers

# Pairs of a lesion and a component are counted in a table of at most this many cells; larger ones are sorted.
_MAX_KEYS_COUNTED: Final = 4_000_000
# cc3d 4.1.1 allocates one number too few and raises if every second voxel of a thin volume is a component
# (1 x 1 x 3 is the smallest such volume, 3 x 3 x 3 the thickest). Padding by this many voxels avoids that.
_THIN_VOXELS: Final = 4


@dataclass(frozen=True)
class Components:
    """Numbered components of a mask, or its lesions; none in an empty mask.

    Attributes:
        labels: (x, y, z), 0 outside, components 1..count.
        voxels: (count,), the size in voxels of component n at n - 1.
        centroids: (count, 3), mean voxel indices along (x, y, z) of component n at n - 1.
    """

    labels: Labels
    voxels: NDArray[np.int64]
    centroids: NDArray[np.float64]

    @property
    def count(self) -> int:
        """The number of components."""
        return len(self.voxels)


class NumberedMask(NamedTuple):
    """A mask with numbered components: `labels` (x, y, z), 0 outside, components 1..`highest`."""

    labels: Labels
    highest: int


@dataclass(frozen=True)
class Matches:
    """Which predicted components touch which dilated lesion, one row per pair, sorted by lesion.

    Attributes:
        lesion, component: (pairs,), the numbers from 1 of a lesion and of a component that touches it.
        shared_voxels: (pairs,), voxels in both; 0 if the component touches only the dilated lesion.
    """

    lesion: NDArray[np.int64]
    component: NDArray[np.int64]
    shared_voxels: NDArray[np.int64]

    def of(self, lesion: int) -> slice:
        """The rows of that lesion's pairs; an empty slice if no component touches it."""
        first, last = np.searchsorted(self.lesion, [lesion, lesion + 1])
        return slice(int(first), int(last))


def dilate(mask: Mask, *, steps: int) -> Mask:
    """The mask dilated `steps` times by the 18-neighbourhood, clipped at the volume's border.

    One step adds the voxels that share a face or an edge, so n steps add every offset with
    max|d| <= n and sum|d| <= 2n.

    Args:
        mask: (x, y, z), true inside.
        steps: 0 returns the mask itself.
    """
    if not steps or not mask.size:
        return mask
    x, y, z = mask.shape
    # 64 voxels along z per word, the first in the lowest bit. Dilation into the spare bits of the last word
    # does no harm: it comes back only to voxels that the clipped mask reaches as well.
    packed = np.zeros((x, y, -(-z // 64)), "<u8")
    packed.view(np.uint8)[:, :, : -(-z // 8)] = np.packbits(mask, axis=2, bitorder="little")
    for _ in range(steps):
        along_z = _spread_bits(packed)
        along_y = _spread(packed, 1)
        # offsets within one plane: x with (y or z), or y with z
        packed = _spread(along_y | along_z, 0) | _spread(along_z, 1)
    return np.unpackbits(packed.view(np.uint8), axis=2, count=z, bitorder="little").view(np.bool_)


def dilated_lesions(mask: Mask, *, merge_steps: int) -> NumberedMask:
    """The dilated mask, numbered by lesion.

    Lesions are numbered in the order in which a scan of (x, y, z), z fastest, meets the
    dilated lesions, as in the official code (which sums in that order).

    Args:
        mask: (x, y, z), true inside the region.
        merge_steps: steps of dilation; components that meet are one lesion.

    Raises:
        ValueError: `mask` is not a 3-D boolean array.
    """
    if mask.ndim != 3 or mask.dtype != np.bool_:
        raise ValueError(f"mask is a {mask.ndim}-D {mask.dtype} array, expected a 3-D boolean array")
    dilated = dilate(mask, steps=merge_steps)
    labels, count = _label(dilated)
    return NumberedMask(labels if count < 2 else _in_scan_order(labels, count, _runs(dilated)[0]), count)


def number_lesions(mask: Mask, *, merge_steps: int) -> Labels:
    """The mask with its lesions numbered; components that meet after dilation are one lesion.

    Args:
        mask: (x, y, z), true inside the region.
        merge_steps: steps of 18-neighbour dilation, one voxel each; 0 joins nothing.

    Returns:
        (x, y, z), 0 outside, lesions 1..n. Dilation only decides which components belong
        together: no voxel outside `mask` is numbered.

    Raises:
        ValueError: `mask` is not a 3-D boolean array.

    Source: BraTS 2023 lesion-wise rule, synapse.org thread syn51156910/10357.
    """
    return mask * dilated_lesions(mask, merge_steps=merge_steps).labels


def connected_components(mask: Mask) -> Components:
    """The 26-connected components of a mask (x, y, z), in no particular order."""
    return measure_components(*_label(mask))


def measure_components(labels: Labels, count: int) -> Components:
    """The components 1..count of a labelled volume (x, y, z), with sizes and centroids.

    Every number from 1 to `count` occurs in `labels`.
    """
    if count == 0:
        return Components(labels, np.zeros(0, np.int64), np.zeros((0, 3)))
    _, ny, nz = labels.shape
    inside = np.flatnonzero(labels.ravel() != 0)
    rows = inside // nz
    x = rows // ny
    at = (x, rows - x * ny, inside - rows * nz)
    if count == 1:
        voxels = np.array([len(inside)])
        sums = np.array([[along.sum() for along in at]])
    else:
        owner = labels.ravel()[inside]
        voxels = np.bincount(owner, minlength=count + 1)[1:]
        sums = np.stack([np.bincount(owner, along, minlength=count + 1)[1:] for along in at], axis=1)
    return Components(labels, voxels.astype(np.int64), sums / voxels[:, None])


def connected_components_in_scan_order(mask: Mask) -> Components:
    """The 26-connected components of a mask, numbered as a scan with the last axis fastest meets them."""
    labels, count = _label(mask)
    begin, length = _runs(mask)
    labels = _in_scan_order(labels, count, begin)
    component = labels.ravel()[begin]
    voxels = np.bincount(component, length, minlength=count + 1)[1:]
    x, y, z = (along * length for along in np.unravel_index(begin, mask.shape))
    sums = [np.bincount(component, along, minlength=count + 1)[1:] for along in (x, y, z + length * (length - 1) // 2)]
    return Components(labels, voxels.astype(np.int64), np.stack(sums, axis=1) / voxels[:, None])


def match_lesions(lesions: Labels, dilated: Labels, components: Labels) -> Matches:
    """Which predicted components touch which dilated lesion, and how many voxels they share with the lesion.

    Args:
        lesions: (x, y, z), numbered lesions of the reference.
        dilated: (x, y, z), the dilated lesions with the same numbers; contains `lesions`.
        components: (x, y, z), numbered components of the prediction.
    """
    # flat indices of predicted voxels in a dilated lesion: few, so everything below works on short lists
    touched = np.flatnonzero((components != 0) & (dilated != 0))
    in_dilated = dilated.ravel()[touched].astype(np.int64)
    in_component = components.ravel()[touched].astype(np.int64)
    base = int(in_component.max(initial=0)) + 1
    keys = in_dilated * base + in_component
    in_lesion = lesions.ravel()[touched] != 0
    highest = int(keys.max(initial=0))
    if highest <= _MAX_KEYS_COUNTED:
        found = np.flatnonzero(np.bincount(keys))
        shared = np.bincount(keys[in_lesion], minlength=highest + 1)[found]
    else:
        found, position = np.unique(keys, return_inverse=True)
        shared = np.bincount(position[in_lesion], minlength=len(found))
    return Matches(found // base, found % base, shared.astype(np.int64))


def _label(mask: Mask) -> NumberedMask:
    if mask.size and min(mask.shape) < _THIN_VOXELS:
        padded, number = _label(np.pad(mask, _THIN_VOXELS))
        return NumberedMask(np.ascontiguousarray(padded[(slice(_THIN_VOXELS, -_THIN_VOXELS),) * 3]), number)
    labels, count = cc3d.connected_components(mask, connectivity=26, return_N=True)
    return NumberedMask(labels.astype(np.min_scalar_type(int(count))), int(count))


def _runs(mask: Mask) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Flat indices of the first voxels of runs along the last axis, and their lengths; a run is of one component."""
    begins, ends = mask.copy(), mask.copy()
    begins[..., 1:] &= ~mask[..., :-1]
    ends[..., :-1] &= ~mask[..., 1:]
    begin = np.flatnonzero(begins)
    return begin, np.flatnonzero(ends) - begin + 1


def _in_scan_order(labels: Labels, count: int, begin: NDArray[np.int64]) -> Labels:
    """The same components, renumbered by their first voxel in a scan with the last axis fastest.

    Args:
        begin: flat indices of voxels, ascending; they include the first voxel of each component.
    """
    first = np.zeros(count + 1, np.int64)
    first[labels.ravel()[begin[::-1]]] = begin[::-1]  # written last, so kept: the first in the scan
    order = np.argsort(first[1:])
    if np.array_equal(order, np.arange(count)):
        return labels
    number = np.zeros(count + 1, labels.dtype)
    number[order + 1] = np.arange(1, count + 1)
    return number[labels]


def _spread(packed: NDArray[np.uint64], axis: int) -> NDArray[np.uint64]:
    """The mask with its neighbours along x (axis 0) or y (axis 1); voxels are bits."""
    spread = packed.copy()
    low = (slice(None),) * axis + (slice(None, -1),)
    high = (slice(None),) * axis + (slice(1, None),)
    spread[low] |= packed[high]
    spread[high] |= packed[low]
    return spread


def _spread_bits(packed: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The mask with its neighbours along z, within the bits of a word and from word to word."""
    one, last = np.uint64(1), np.uint64(63)
    spread: NDArray[np.uint64] = packed | packed << one | packed >> one
    spread[:, :, 1:] |= packed[:, :, :-1] >> last
    spread[:, :, :-1] |= packed[:, :, 1:] << last
    return spread
