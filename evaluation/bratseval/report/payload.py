"""A case's volumes as its page carries them: cropped to the head, eight bits a voxel, gzipped NIfTI in base64."""

import base64
from collections.abc import Sequence
from typing import Any, Final

import nibabel as nib
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from bratseval.metrics.bounding_box import bounding_box

Box = tuple[slice, slice, slice]

# What a voxel of the difference says.
AGREES: Final = 1
OTHER_LABEL: Final = 2
SPURIOUS: Final = 3
MISSED: Final = 4

_DARKEST, _BRIGHTEST = 0.5, 99.5  # percentiles of the voxels that are not 0; what lies outside them is clipped
_GZIP: Final = 31  # zlib's wbits for a gzip stream; its time stamp is 0, so a page depends on its data alone
_LEVEL: Final = 2  # of isal's 0 to 3
_MARGIN_VOXELS: Final = 2


def box_of(volumes: Sequence[NDArray[Any]]) -> Box:
    """Where any of some volumes (x, y, z) is not 0, two voxels around it; everything if all are 0 throughout."""
    box = bounding_box(*(volume != 0 for volume in volumes), margin=_MARGIN_VOXELS)
    return box if box[0].stop else (slice(None), slice(None), slice(None))


def grey(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Intensities as 1 to 255, and 0 where they are 0; an image of one value is 255 where it is not 0."""
    inside = image != 0
    if not inside.any():
        return np.zeros(image.shape, np.uint8)
    dark, bright = (np.float32(value) for value in np.percentile(image[inside], (_DARKEST, _BRIGHTEST)))
    if not bright > dark:
        return np.where(inside, np.uint8(255), np.uint8(0))
    scaled = (np.clip(image, dark, bright) - dark) * (np.float32(254) / (bright - dark))
    shades: NDArray[np.uint8] = (scaled + np.float32(1.5)).astype(np.uint8) * inside
    return shades


def difference(prediction: NDArray[np.uint8], reference: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Voxel by voxel: both the same label, another label, only predicted, only in the reference; 0 outside both."""
    differences = np.zeros(prediction.shape, np.uint8)
    predicted, labelled = prediction != 0, reference != 0
    differences[predicted & labelled] = OTHER_LABEL
    differences[predicted & (prediction == reference)] = AGREES
    differences[predicted & ~labelled] = SPURIOUS
    differences[labelled & ~predicted] = MISSED
    return differences


def nifti_text(voxels: NDArray[np.uint8], affine: NDArray[np.float64], box: Box) -> str:
    """A .nii.gz file, in base64, of voxels (x, y, z) that were cut out of a volume; each lies where it lay before.

    Args:
        affine: of the whole volume.
        box: what was cut out of it.
    """
    moved = affine.copy()
    moved[:3, 3] = affine[:3, :3] @ [side.start or 0 for side in box] + affine[:3, 3]
    image = nib.Nifti1Image(voxels, moved)
    return base64.b64encode(isal_zlib.compress(image.to_bytes(), _LEVEL, wbits=_GZIP)).decode("ascii")


def values_of(labels: NDArray[np.uint8]) -> list[int]:
    """The labels that there are, ascending, without 0."""
    return [int(value) for value in np.unique(labels[labels != 0])]
