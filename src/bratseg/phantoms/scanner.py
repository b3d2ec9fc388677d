"""A low-field scanner: a phantom with thick slices, noise and weak contrasts.

This is how the method's two domains differ: BraTS-Africa's images have lower resolution and
contrast than those of the adult glioma challenge (arXiv 2305.19369). The ranges are ours.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bratseg.phantoms.phantom import Phantom
from bratseval.challenge import MODALITIES, Modality

Range = tuple[float, float]
Voxels = NDArray[np.float32]
SLICE_MM: Final[Range] = (5.0, 7.5)  # thickness, along the axis from bottom to top
BLUR_MM: Final[Range] = (1.0, 1.6)  # standard deviation within a slice
NOISE: Final[Range] = (0.05, 0.10)  # standard deviation, as a share of the brain's median
SHADE: Final[Range] = (0.2, 0.45)  # of the coil, as a logarithm of intensity
UPTAKE: Final[Range] = (0.35, 0.6)  # share of contrast agent's effect that is left
UNSUPPRESSED: Final[Range] = (0.25, 0.45)  # share of t2w in t2f: fluid that was not suppressed


def low_field(seed: int, phantom: Phantom) -> Phantom:
    """The same brain and reference, imaged again at low field.

    Args:
        seed: decides thickness, noise and contrasts; the same seed gives the same images.
        phantom: exactly 0 outside the head, and so is the result.
    """
    rng = np.random.default_rng([seed, 64])  # 64 mT
    spacing_mm = np.linalg.norm(phantom.affine[:3, :3], axis=0)
    upright = int(np.argmax(np.abs(phantom.affine[2, :3])))
    scaled = {name: image / _median(image) for name, image in phantom.images.items()}
    weak = _weakened(rng, scaled)
    sigma = np.full(3, rng.uniform(*BLUR_MM)) / spacing_mm
    slices = max(1, round(rng.uniform(*SLICE_MM) / float(spacing_mm[upright])))
    images = {}
    for name in MODALITIES:
        sharp = np.where(phantom.images[name] > 0, weak[name], 0)
        thick = ndimage.uniform_filter1d(ndimage.gaussian_filter(sharp, sigma), slices, axis=upright)
        noisy = _noisy(rng, thick) * _shade(rng, thick.shape)
        image = noisy * _median(phantom.images[name])
        images[name] = np.where(phantom.images[name] > 0, np.maximum(image, 1), 0).astype(np.float32)
    return replace(phantom, images=images)


def _weakened(rng: np.random.Generator, scaled: Mapping[Modality, Voxels]) -> dict[Modality, Voxels]:
    """Images of median 1 with less uptake of contrast agent, and with bright fluid in t2f."""
    uptake, wet = np.float32(rng.uniform(*UPTAKE)), np.float32(rng.uniform(*UNSUPPRESSED))
    return {
        "t1n": scaled["t1n"],
        "t1c": scaled["t1n"] + uptake * (scaled["t1c"] - scaled["t1n"]),
        "t2w": scaled["t2w"],
        "t2f": (1 - wet) * scaled["t2f"] + wet * scaled["t2w"],
    }


def _noisy(rng: np.random.Generator, image: Voxels) -> Voxels:
    """Rician noise, as of a magnitude image."""
    level = np.float32(rng.uniform(*NOISE))
    real, imaginary = (level * rng.standard_normal(image.shape, dtype=np.float32) for _ in range(2))
    noisy: Voxels = np.hypot(image + real, imaginary)
    return noisy


def _shade(rng: np.random.Generator, shape: tuple[int, ...]) -> Voxels:
    """Sensitivity of one coil at a side of the head."""
    direction = rng.normal(0, 1, 3)
    direction *= rng.uniform(*SHADE) / np.linalg.norm(direction)
    axes = np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij", sparse=True)
    logarithm = sum((a * axis for a, axis in zip(direction, axes, strict=True)), start=np.zeros(shape))
    return np.exp(logarithm).astype(np.float32)


def _median(image: Voxels) -> np.float32:
    """Of the head; 1 where there is none."""
    inside = image[image > 0]
    return np.float32(np.median(inside) if len(inside) else 1)
