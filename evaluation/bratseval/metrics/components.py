"""Which voxels are one lesion, and which prediction found it.

The official code dilates each lesion by itself on the whole volume. This gives the
same numbers without that work: dilating a lesion gives exactly its component of the
dilated region, because components of the dilated region are what joins parts to
lesions in the first place. So one labelling of the dilated region (the reach) answers
both which parts are one lesion and which predictions touch it.
"""

from dataclasses import dataclass
from typing import Any, Final

import cc3d
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Labels = NDArray[np.unsignedinteger[Any]]  # of the smallest type that holds the numbers

# Pairs of a lesion and a component are counted in a table of up to so many; beyond, they are sorted.
_MAX_KEYS_COUNTED: Final = 4_000_000
# cc3d 4.1.1 provides one number too few, and raises, where every second voxel of a thin volume is a component
# (1 x 1 x 3 is the smallest, 3 x 3 x 3 the thickest); with this many voxels around there are enough.
_THIN_VOXELS: Final = 4


@dataclass(frozen=True)
class Parts:
    """Numbered parts of a mask.

    Attributes:
        labels: (x, y, z), 0 outside, parts 1..count.
        voxels: (count,), the size of part n at n - 1.
        centroids: (count, 3), mean voxel indices along (x, y, z).
    """

    labels: Labels
    voxels: NDArray[np.int64]
    centroids: NDArray[np.float64]

    @property
    def count(self) -> int:
        """How many parts there are."""
        return len(self.voxels)


@dataclass(frozen=True)
class Matches:
    """Which predicted components lie within the reach of which lesion; sorted by lesion.

    Attributes:
        lesion, component: (pairs,), numbers from 1 of a lesion and of a component that touches its reach.
        shared_voxels: (pairs,), voxels that both have; 0 when only the reach is touched.
    """

    lesion: NDArray[np.int64]
    component: NDArray[np.int64]
    shared_voxels: NDArray[np.int64]

    def of(self, lesion: int) -> slice:
        """Where the pairs of that lesion stand."""
        first, last = np.searchsorted(self.lesion, [lesion, lesion + 1])
        return slice(int(first), int(last))


def dilate(mask: Mask, *, steps: int) -> Mask:
    """The mask grown by `steps` rounds of the 18-neighbourhood, clipped at the border.

    A round reaches the neighbours that share a face or an edge, so n rounds reach every
    offset with max|d| <= n and sum|d| <= 2n.

    Args:
        mask: (x, y, z), true inside.
        steps: 0 gives the mask itself.
    """
    if not steps or not mask.size:
        return mask
    x, y, z = mask.shape
    # 64 voxels along z to a word, the first in the lowest bit; what grows into the last word's spare
    # bits comes back only to where the clipped mask would have grown as well
    packed = np.zeros((x, y, -(-z // 64)), "<u8")
    packed.view(np.uint8)[:, :, : -(-z // 8)] = np.packbits(mask, axis=2, bitorder="little")
    for _ in range(steps):
        along_z = _spread_bits(packed)
        along_y = _spread(packed, 1)
        # offsets within one plane: x with (y or z), or y with z
        packed = _spread(along_y | along_z, 0) | _spread(along_z, 1)
    return np.unpackbits(packed.view(np.uint8), axis=2, count=z, bitorder="little").view(np.bool_)


def reach_of(mask: Mask, *, merge_steps: int) -> tuple[Labels, int]:
    """The dilated mask, numbered by lesion, and how many lesions there are.

    Lesions are numbered in the order in which an (x, y, z) scan with z fastest meets
    their reach, as the official code does (its sums are taken in that order).

    Raises:
        ValueError: `mask` is not a 3-D boolean array.
    """
    if mask.ndim != 3 or mask.dtype != np.bool_:
        raise ValueError(f"a mask is a 3-D boolean array, got {mask.ndim}-D {mask.dtype}")
    dilated = dilate(mask, steps=merge_steps)
    labels, count = _components(dilated)
    return labels if count < 2 else _in_scan_order(labels, count, _runs(dilated)[0]), count


def number_lesions(mask: Mask, *, merge_steps: int) -> Labels:
    """Number the lesions of a mask; parts that meet after dilation are one lesion.

    Args:
        mask: (x, y, z), true inside the region.
        merge_steps: rounds of 18-neighbour dilation, one voxel each; 0 keeps parts apart.

    Returns:
        (x, y, z), 0 outside, lesions 1..n. Dilation decides which parts belong
        together and is then dropped: no voxel outside `mask` is numbered.

    Raises:
        ValueError: `mask` is not a 3-D boolean array.

    Source: BraTS 2023 lesion-wise rule, synapse.org thread syn51156910/10357.
    """
    reach, _ = reach_of(mask, merge_steps=merge_steps)
    return mask * reach


def components_of(mask: Mask) -> Parts:
    """The 26-connected components of a mask."""
    return parts_of(*_components(mask))


def parts_of(labels: Labels, count: int) -> Parts:
    """Sizes and centroids of the parts 1..count of a labelled volume."""
    if count == 0:
        return Parts(labels, np.zeros(0, np.int64), np.zeros((0, 3)))
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
    return Parts(labels, voxels.astype(np.int64), sums / voxels[:, None])


def parts_in_scan_order(mask: Mask) -> Parts:
    """The 26-connected components of a mask, numbered as a scan of its axes, the last one fastest, meets them."""
    labels, count = _components(mask)
    begin, length = _runs(mask)
    labels = _in_scan_order(labels, count, begin)
    part = labels.ravel()[begin]
    voxels = np.bincount(part, length, minlength=count + 1)[1:]
    x, y, z = (along * length for along in np.unravel_index(begin, mask.shape))
    sums = [np.bincount(part, along, minlength=count + 1)[1:] for along in (x, y, z + length * (length - 1) // 2)]
    return Parts(labels, voxels.astype(np.int64), np.stack(sums, axis=1) / voxels[:, None])


def match_lesions(lesions: Labels, reach: Labels, components: Labels) -> Matches:
    """Which predicted components touch the reach of which lesion, and what they share.

    Args:
        lesions: (x, y, z), numbered lesions of the reference.
        reach: (x, y, z), their reach with the same numbers; contains `lesions`.
        components: (x, y, z), numbered components of the prediction.
    """
    # flat indices of predicted voxels within a reach: few, so the rest works on short lists
    touched = np.flatnonzero((components != 0) & (reach != 0))
    in_reach = reach.ravel()[touched].astype(np.int64)
    in_component = components.ravel()[touched].astype(np.int64)
    base = int(in_component.max(initial=0)) + 1
    keys = in_reach * base + in_component
    in_lesion = lesions.ravel()[touched] != 0
    highest = int(keys.max(initial=0))
    if highest <= _MAX_KEYS_COUNTED:
        found = np.flatnonzero(np.bincount(keys))
        shared = np.bincount(keys[in_lesion], minlength=highest + 1)[found]
    else:
        found, position = np.unique(keys, return_inverse=True)
        shared = np.bincount(position[in_lesion], minlength=len(found))
    return Matches(found // base, found % base, shared.astype(np.int64))


def _components(mask: Mask) -> tuple[Labels, int]:
    if mask.size and min(mask.shape) < _THIN_VOXELS:
        padded, number = _components(np.pad(mask, _THIN_VOXELS))
        return np.ascontiguousarray(padded[(slice(_THIN_VOXELS, -_THIN_VOXELS),) * 3]), number
    labels, count = cc3d.connected_components(mask, connectivity=26, return_N=True)
    return labels.astype(np.min_scalar_type(int(count))), int(count)


def _runs(mask: Mask) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Flat indices where runs along the last axis begin, and their lengths; there are few, each of one component."""
    begins, ends = mask.copy(), mask.copy()
    begins[..., 1:] &= ~mask[..., :-1]
    ends[..., :-1] &= ~mask[..., 1:]
    begin = np.flatnonzero(begins)
    return begin, np.flatnonzero(ends) - begin + 1


def _in_scan_order(labels: Labels, count: int, begin: NDArray[np.int64]) -> Labels:
    """The same parts, renumbered by their first voxel in (x, y, z) order, z fastest.

    Args:
        begin: flat indices of their voxels, ascending, the first of each among them.
    """
    first = np.zeros(count + 1, np.int64)
    first[labels.ravel()[begin[::-1]]] = begin[::-1]  # the last one written stays: the first in the scan
    order = np.argsort(first[1:])
    if np.array_equal(order, np.arange(count)):
        return labels
    number = np.zeros(count + 1, labels.dtype)
    number[order + 1] = np.arange(1, count + 1)
    return number[labels]


def _spread(packed: NDArray[np.uint64], axis: int) -> NDArray[np.uint64]:
    """The mask or its neighbours along x (axis 0) or y (axis 1); voxels are bits."""
    spread = packed.copy()
    low = (slice(None),) * axis + (slice(None, -1),)
    high = (slice(None),) * axis + (slice(1, None),)
    spread[low] |= packed[high]
    spread[high] |= packed[low]
    return spread


def _spread_bits(packed: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The mask or its neighbours along z, across the bits of a word and from word to word."""
    one, last = np.uint64(1), np.uint64(63)
    spread: NDArray[np.uint64] = packed | packed << one | packed >> one
    spread[:, :, 1:] |= packed[:, :, :-1] >> last
    spread[:, :, :-1] |= packed[:, :, 1:] << last
    return spread
