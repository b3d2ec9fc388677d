"""A phantom: a procedural brain with tumours in four modalities, and its reference segmentation."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from bratseg.phantoms.anatomy import make_anatomy
from bratseg.phantoms.appearance import draw_images
from bratseg.phantoms.fields import REACH_MM, Frame
from bratseg.phantoms.tumour import displaced, grow, plan_lesions
from bratseval.challenge import MODALITIES, Modality
from bratseval.files.nifti import grid_of, write_image, write_labels
from bratseval.files.orientation import reorient, reoriented_affine

SHAPE: Final = (240, 240, 155)  # BraTS space: SRI24's box, 1 mm
_BRAIN_MM: Final = ((-78.0, 78.0), (-98.0, 98.0), (-72.0, 76.0))  # where a brain may lie around its centre
_SMALLEST_MM3: Final = 200.0  # of all labels together; a smaller tumour was cut away by its surroundings
_PLANS: Final = 20  # tumours tried before giving up; the first nearly always does

_Voxel = TypeVar("_Voxel", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Phantom:
    """Images and reference of a phantom.

    Attributes:
        images: (x, y, z) of each modality, exactly 0 outside the head.
        labels: (x, y, z), BraTS labels.
        affine: (4, 4), voxel indices to mm in RAS+.
    """

    images: Mapping[Modality, NDArray[np.float32]]
    labels: NDArray[np.uint8]
    affine: NDArray[np.float64]


def make_phantom(
    seed: int,
    *,
    shape: tuple[int, int, int] = SHAPE,
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
    orientation: str = "LPS",
) -> Phantom:
    """A brain with at least one tumour; the same seed gives the same phantom.

    The brain is defined in millimetres: another spacing shows the same brain and
    tumour with other voxels and other noise.

    Args:
        seed: not negative.
        shape: voxels along the axes right-left, front-back, bottom-top, in any sense;
            what does not fit in is cut off.
        spacing_mm: of the same axes.
        orientation: where each stored axis runs to, three letters such as LPS
            (BraTS 2023's) or RAS; the physical box is the same in all of them.

    Returns:
        Images, labels and affine in the orientation asked for. With the defaults, the
        affine is BraTS 2023's: diag(-1, -1, 1) with its origin at (0, 239, 0).
    """
    base = _affine(shape, spacing_mm)
    rng = np.random.default_rng(seed)
    box, frame = _frame(rng, shape, spacing_mm)
    images, labels = _made(rng, frame)
    whole = np.zeros(shape, dtype=np.uint8)
    whole[box] = labels
    full = {}
    for modality in MODALITIES:
        image = np.zeros(shape, dtype=np.float32)
        image[box] = images[modality]
        full[modality] = _stored(image, base, orientation)
    return Phantom(full, _stored(whole, base, orientation), reoriented_affine(grid_of(shape, base), orientation))


def write_phantom(folder: Path, case_id: str, phantom: Phantom) -> Path:
    """Write a phantom as a case: `<id>/<id>-t1n.nii.gz` and so on, with its reference `<id>-seg.nii.gz`.

    Args:
        folder: holds the case folder; both are made if needed.

    Returns:
        The case folder.
    """
    case = folder / case_id
    case.mkdir(parents=True, exist_ok=True)
    x, y, z = phantom.labels.shape
    grid = grid_of((x, y, z), phantom.affine)
    for modality, image in phantom.images.items():
        write_image(case / f"{case_id}-{modality}.nii.gz", np.round(image), grid)
    write_labels(case / f"{case_id}-seg.nii.gz", phantom.labels, grid)
    return case


def _made(rng: np.random.Generator, frame: Frame) -> tuple[Mapping[Modality, NDArray[np.float32]], NDArray[np.uint8]]:
    """Images and labels on the frame's axes (right, front, top)."""
    for child in rng.spawn(_PLANS):
        plan, body, growth, scanner = child.spawn(4)
        lesions = plan_lesions(plan)
        anatomy = make_anatomy(body, frame, displaced(frame.mesh(), lesions))
        tumour = grow(growth, frame, anatomy, lesions)
        volume_mm3 = np.count_nonzero(tumour.labels) * float(np.prod(frame.spacing_mm))
        if volume_mm3 >= _SMALLEST_MM3:
            break
    images = draw_images(scanner, frame, anatomy, tumour)
    return images, np.where(images["t1n"] > 0, tumour.labels, 0).astype(np.uint8)


def _frame(
    rng: np.random.Generator, shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]
) -> tuple[tuple[slice, slice, slice], Frame]:
    """The part of the volume around the brain, stored LPS, as slices and as a frame that runs RAS."""
    shift = rng.uniform(-4, 4, 3)
    slices, axes = [], []
    for axis, sense in enumerate((-1, -1, 1)):
        middle = (shape[axis] - 1) / 2
        mm = sense * (np.arange(shape[axis]) - middle) * spacing_mm[axis] + shift[axis]
        low, high = _BRAIN_MM[axis]
        held = np.flatnonzero((mm >= max(low, -REACH_MM)) & (mm <= min(high, REACH_MM)))
        first, last = (int(held[0]), int(held[-1]) + 1) if len(held) else (0, shape[axis])
        stop = first - 1 if first else None
        slices.append(slice(first, last) if sense > 0 else slice(last - 1, stop, -1))
        axes.append(mm[slices[-1]].astype(np.float32))
    x, y, z = slices
    return (x, y, z), Frame((axes[0], axes[1], axes[2]), spacing_mm)


def _affine(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    """LPS; the corner voxel lies where BraTS 2023 has it."""
    x, y, z = spacing_mm
    affine = np.diag([-x, -y, z, 1.0])
    affine[1, 3] = (shape[1] - 1) * y
    return affine


def _stored(voxels: NDArray[_Voxel], base: NDArray[np.float64], orientation: str) -> NDArray[_Voxel]:
    return np.ascontiguousarray(reorient(voxels, base, orientation))
