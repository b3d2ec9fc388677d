"""How tissue looks in an image: contrasts, texture, blur, noise, coil shading, crude skull stripping.

The contrasts vary more than those of scanners, so that real images are one more variation to a
network trained on them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bratseg.phantoms.anatomy import Anatomy
from bratseg.phantoms.fields import Field, Frame, inside, noise
from bratseg.phantoms.tumour import Tumour
from bratseval.challenge import MODALITIES, Modality

# Low and high intensity of each tissue, white matter's being 1: read off textbook contrasts.
_RANGES: Final[Mapping[Modality, Mapping[str, tuple[float, float]]]] = {
    "t1n": {
        "grey": (0.68, 0.92),
        "deep": (0.80, 0.97),
        "cerebellum": (0.74, 0.95),
        "csf": (0.18, 0.55),
        "vessels": (0.4, 1.3),
        "plexus": (0.5, 0.8),
        "core": (0.50, 0.85),
        "rim": (0.68, 1.02),
        "oedema": (0.66, 0.92),
        "fluid": (0.30, 0.62),
    },
    "t1c": {
        "grey": (0.70, 0.97),
        "deep": (0.80, 0.98),
        "cerebellum": (0.78, 0.98),
        "csf": (0.15, 0.55),
        "vessels": (1.5, 4.0),
        "plexus": (1.0, 2.6),
        "core": (0.45, 0.85),
        "rim": (1.3, 3.0),
        "oedema": (0.62, 0.90),
        "fluid": (0.22, 0.55),
    },
    "t2w": {
        "grey": (1.15, 1.55),
        "deep": (0.95, 1.35),
        "cerebellum": (1.10, 1.50),
        "csf": (2.6, 5.0),
        "vessels": (0.3, 2.5),
        "plexus": (1.6, 3.0),
        "core": (1.4, 3.2),
        "rim": (1.3, 2.3),
        "oedema": (1.6, 3.2),
        "fluid": (2.8, 4.8),
    },
    "t2f": {
        "grey": (1.08, 1.50),
        "deep": (0.98, 1.30),
        "cerebellum": (1.00, 1.45),
        "csf": (0.10, 0.55),
        "vessels": (0.3, 1.3),
        "plexus": (0.6, 1.5),
        "core": (0.95, 2.5),
        "rim": (1.25, 2.4),
        "oedema": (1.55, 3.0),
        "fluid": (0.35, 1.6),
    },
}


@dataclass(frozen=True, eq=False)
class _Scene:
    """What the four images of a brain share.

    Attributes:
        mask: where skull stripping leaves the image.
        positions: of core, rim, oedema and fluid, where in the range of their intensities they tend to be, 0 to 1.
        lumps: noise that makes the tumour uneven in all images alike.
    """

    frame: Frame
    anatomy: Anatomy
    tumour: Tumour
    mask: NDArray[np.bool_]
    positions: Mapping[str, float]
    lumps: Field


def draw_images(rng: np.random.Generator, frame: Frame, anatomy: Anatomy, tumour: Tumour) -> Mapping[Modality, Field]:
    """The four images of a brain, co-registered and skull-stripped.

    Returns:
        float32 intensities of the frame's shape, above 0 inside the brain and exactly 0 outside.
    """
    head = anatomy.head + rng.uniform(0, 1.0) * noise(rng, frame, 12)
    parts, _ = ndimage.label(head < 0)
    largest = np.argmax(np.bincount(parts.ravel())[1:]) + 1 if parts.any() else 1
    mask = ndimage.binary_fill_holes(parts == largest)
    positions = {name: rng.random() for name in ("core", "rim", "oedema", "fluid")}
    scene = _Scene(frame, anatomy, tumour, mask, positions, noise(rng, frame, rng.uniform(6, 14)))
    return {modality: _image(rng, scene, modality) for modality in MODALITIES}


def _image(rng: np.random.Generator, scene: _Scene, modality: Modality) -> Field:
    level = {name: _level(rng, low, high, scene.positions.get(name)) for name, (low, high) in _RANGES[modality].items()}
    tissue = _tissue(rng, scene.frame, scene.anatomy, modality, level)
    return _acquired(rng, scene, _with_tumour(rng, scene, tissue, modality, level))


def _level(rng: np.random.Generator, low: float, high: float, position: float | None) -> float:
    """An intensity within a range; near `position` where all images share one."""
    drawn = rng.random()
    return low + (high - low) * (drawn if position is None else 0.6 * position + 0.4 * drawn)


def _tissue(
    rng: np.random.Generator, frame: Frame, anatomy: Anatomy, modality: Modality, level: Mapping[str, float]
) -> Field:
    """The healthy brain's intensities, with what imitates a tumour in each modality."""
    white = 1 + 0.03 * noise(rng, frame, 40)
    csf = level["csf"] * (1 + 0.12 * noise(rng, frame, 25))
    if modality == "t2f":
        csf = csf + np.clip(noise(rng, frame, 35) - rng.uniform(1.0, 3.0), 0, 1) * rng.uniform(0, 0.8)
        white = white + _halo(rng, frame, anatomy)
    if modality == "t2w":
        white = white + 0.6 * _halo(rng, frame, anatomy)
    image = (
        white * anatomy.white
        + level["grey"] * anatomy.grey
        + level["deep"] * anatomy.deep
        + level["cerebellum"] * anatomy.cerebellum
        + csf * anatomy.csf
    )
    image += (level["plexus"] - image) * anatomy.plexus
    if modality == "t2f":
        surface = inside(anatomy.depth - rng.uniform(2, 8), 1.5) * rng.uniform(0, 0.35) * (1 - anatomy.csf)
        image = image + surface * np.clip(0.5 + noise(rng, frame, 40), 0, 1.5)
    flow = anatomy.vessels * (1.0 if modality == "t1c" else rng.uniform(0.0, 0.8))
    bright = level["vessels"] * (1 + 0.2 * noise(rng, frame, 20))
    return np.asarray(image + (bright - image) * flow, dtype=np.float32)


def _halo(rng: np.random.Generator, frame: Frame, anatomy: Anatomy) -> Field:
    """Brightness of white matter that is no tumour: caps around the ventricles and small old spots."""
    reach = rng.uniform(0.8, 5.0) * np.clip(1 + 0.7 * noise(rng, frame, 30), 0.2, 2.5)
    caps = inside(np.asarray(anatomy.ventricles - reach, dtype=np.float32), 0.9) * rng.uniform(0.0, 1.0) ** 1.5
    result = np.asarray(caps, dtype=np.float32)
    if rng.random() < 0.35:
        spots = inside(rng.uniform(2.3, 3.0) - noise(rng, frame, rng.uniform(8, 14)), 0.12)
        result = np.maximum(result, spots * rng.uniform(0.2, 0.8))
    return result


def _with_tumour(
    rng: np.random.Generator, scene: _Scene, tissue: Field, modality: Modality, level: Mapping[str, float]
) -> Field:
    """The image of the tissue with oedema, core and rim laid over it."""
    frame, tumour = scene.frame, scene.tumour
    uneven = scene.lumps * rng.uniform(0.0, 0.16) + noise(rng, frame, 5) * rng.uniform(0.02, 0.09)
    swollen = level["oedema"] * (1 + 0.5 * uneven + 0.08 * noise(rng, frame, 35))
    core = level["core"] + (level["fluid"] - level["core"]) * tumour.cystic
    core = core * (1 + uneven * (1 - 0.8 * tumour.cystic))
    rim = level["rim"] * (1 + 1.3 * uneven)
    if modality in ("t1n", "t2w", "t2f") and rng.random() < 0.3:  # old blood
        blood = inside(rng.uniform(0.8, 2.0) - noise(rng, frame, 10), 0.2)
        core = core + blood * rng.uniform(-0.3, 0.5) * (1 - tumour.cystic)
        rim = rim + blood * rng.uniform(-0.2, 0.4)
    image = tissue + (swollen - tissue) * tumour.oedema
    image = image + (core - image) * tumour.core
    return np.asarray(image + (rim - image) * tumour.rim, dtype=np.float32)


def _acquired(rng: np.random.Generator, scene: _Scene, image: Field) -> Field:
    """The image after blur, noise, coil shading and a scale of its own, as scanners have no common one."""
    frame, anatomy, mask = scene.frame, scene.anatomy, scene.mask
    image = np.where(anatomy.head < 3, image, 0).astype(np.float32)
    blur_mm = np.full(3, rng.uniform(0.2, 0.75))
    if rng.random() < 0.4:  # thick slices, once
        blur_mm[rng.choice(3, p=[0.2, 0.2, 0.6])] += rng.uniform(0.3, 1.8)
    sigma = np.sqrt(np.clip(blur_mm**2 - (0.25 * np.array(frame.spacing_mm)) ** 2, 0.01, None)) / frame.spacing_mm
    image = ndimage.gaussian_filter(image, sigma, mode="nearest")
    grain = rng.standard_normal(frame.shape, dtype=np.float32)
    grain = grain if rng.random() < 0.5 else ndimage.gaussian_filter(grain, 0.6) * np.float32(3.2)
    image = image + grain * np.float32(rng.uniform(0.008, 0.05))
    shade = rng.uniform(0.0, 0.14) * noise(rng, frame, 110) + rng.uniform(0, 0.05) * noise(rng, frame, 60)
    surface = rng.uniform(-0.05, 0.22) * np.exp(-np.clip(anatomy.depth, 0, None) / 14)
    image = image * np.exp(shade + surface)
    gamma = rng.uniform(0.85, 1.18)
    image = np.clip(image, 0.01, None) ** gamma * np.float32(np.exp(rng.uniform(np.log(120), np.log(2500))))
    return np.where(mask, np.maximum(image, 1), 0).astype(np.float32)
