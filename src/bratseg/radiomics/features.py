"""Radiomic features of a tumour: 14 of its shape and 93 of each modality's intensities, by pyradiomics.

pyradiomics is loaded when the first features are wanted; where it is not installed,
that is one of the reasons for which there are none. Nothing here touches a file, the
network or another process, and what pyradiomics logs stays unheard.
"""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bratseg.radiomics.feature_names import FEATURE_NAMES, INTENSITY, SHAPE, Preset
from bratseg.radiomics.shape import shape_features
from bratseval.challenge import MODALITIES, Modality
from bratseval.metrics.bounding_box import bounding_box
from bratseval.metrics.components import Mask, connected_components

# What computes these numbers: itself, which builds on Python 3.11 at most, and pyradiomics-bhklab 3.1.4, the same code
# packaged so that it builds on later ones: all 386 features are equal to the bit, on phantoms and on real cases.
_VERSIONS: Final = ("3.0.1", "3.1.4")

# GLCM grows with the square of the levels: 2 s with 120 of them, 126 s and 700 MB with 1,200 (measured, one modality).
MAX_GREY_LEVELS: Final = 128
# What is measured of a surface takes a second and 0.4 GB for so many faces between tumour and not. Real case of 129,000
# voxels: 29,000 faces; a smooth whole brain: under 130,000; noise: millions, which is no tumour.
MAX_SURFACE_FACES: Final = 100_000
_BIN_WIDTH: Final = 25  # pyradiomics' default
# What numbers that pyradiomics can't take raise in it, in numpy and in ITK.
_REFUSALS: Final = (ValueError, TypeError, ArithmeticError, RuntimeError)


class NoFeatures(Exception):  # noqa: N818 - an outcome with thresholds of its own, not a defect
    """Why a tumour has no features, in words that go into a case's report."""


def extract_features(
    labels: NDArray[np.integer[Any]],
    images: Mapping[Modality, NDArray[np.float32]],
    spacing_mm: tuple[float, float, float],
    preset: Preset,
) -> Mapping[str, float]:
    """The features of a case's largest lesion: of its whole tumour's (WT) largest 26-connected component.

    The intensities of each modality are normalised over its whole image, background
    included, as pyradiomics does.

    Args:
        labels: (x, y, z), 0 outside the tumour.
        images: each modality, (x, y, z) like `labels`.
        spacing_mm: voxel edges along (x, y, z).

    Returns:
        FEATURE_NAMES and their values, all finite, in this order.

    Raises:
        NoFeatures: there is no tumour; it is a single voxel or a line of voxels (a
            plane has features); its surface has more than MAX_SURFACE_FACES; an image has
            the same value everywhere, or more than MAX_GREY_LEVELS in the tumour; a
            feature is not finite; pyradiomics refuses, or can't be loaded (`load_extractor`).
        ValueError: an image's shape is not that of `labels`.
    """
    _check_shapes(labels, images)
    tumour = _largest_component(labels != 0)
    box = _box(tumour)
    _check_surface(tumour[box])
    pyradiomics = load_extractor()
    with _quiet(), np.errstate(all="ignore"):  # what is not finite is refused below
        try:
            values = _values(pyradiomics, tumour, box, images, spacing_mm, preset)
        except _REFUSALS as error:
            raise NoFeatures(f"pyradiomics refuses ({type(error).__name__}: {error})") from error
    odd = [name for name, value in zip(FEATURE_NAMES, values, strict=True) if not np.isfinite(value)]
    if odd:
        raise NoFeatures(f"{len(odd)} of {len(values)} features are not finite, {odd[0]} first")
    return dict(zip(FEATURE_NAMES, values, strict=True))


def _check_shapes(labels: NDArray[np.integer[Any]], images: Mapping[Modality, NDArray[np.float32]]) -> None:
    for modality in MODALITIES:
        if images[modality].shape != labels.shape:
            raise ValueError(f"{modality} is {images[modality].shape} voxels, its labels are {labels.shape}")


def _largest_component(mask: Mask) -> Mask:
    components = connected_components(mask)
    if components.count == 0:
        raise NoFeatures("there is no tumour")
    largest: Mask = components.labels == 1 + int(components.voxels.argmax())
    return largest


def _box(tumour: Mask) -> tuple[slice, slice, slice]:
    """The tumour's bounding box along (x, y, z), if it is long enough along two of them."""
    x, y, z = bounding_box(tumour)
    # pyradiomics' minimumROIDimensions, 2 by default
    if sum(side.stop - side.start > 1 for side in (x, y, z)) < 2:
        voxels = int(np.count_nonzero(tumour))
        shape = "a single voxel" if voxels == 1 else f"a line of {voxels} voxels"
        raise NoFeatures(f"the largest lesion is {shape}, too little for features")
    return x, y, z


def _check_surface(tumour: Mask) -> None:
    padded = np.pad(tumour, 1)
    faces = sum(int(np.count_nonzero(np.diff(padded, axis=axis))) for axis in range(3))
    if faces > MAX_SURFACE_FACES:
        raise NoFeatures(f"the largest lesion has a surface of {faces} faces, at most {MAX_SURFACE_FACES} are measured")


def load_extractor() -> Any:
    """pyradiomics, a package of other people that has no types.

    Raises:
        NoFeatures: it is not installed, or in a version that computes other numbers than EXTRACTOR.
    """
    try:
        import radiomics
    except ImportError as error:
        raise NoFeatures(f"pyradiomics can't be loaded ({error}). Install brats-harness[radiomics]") from error
    installed = radiomics.__version__.removeprefix("v")
    if installed not in _VERSIONS:
        expected = " or ".join(_VERSIONS)
        raise NoFeatures(f"pyradiomics {installed} is installed, expected {expected}. Install brats-harness[radiomics]")
    return radiomics


def extractor_problem() -> str:
    """Why no tumour can have features on this machine; empty where pyradiomics is there."""
    try:
        load_extractor()
    except NoFeatures as reason:
        return str(reason)
    return ""


@contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("radiomics")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _values(
    pyradiomics: Any,
    tumour: Mask,
    box: tuple[slice, slice, slice],
    images: Mapping[Modality, NDArray[np.float32]],
    spacing_mm: tuple[float, float, float],
    preset: Preset,
) -> list[float]:
    """Features in the order of FEATURE_NAMES, each class given the bounding box as pyradiomics' own extractor does.

    geometryTolerance is for masks that lie on another grid than their image. Here they
    lie on the same, so it changes nothing, and ITK's global tolerance is left alone.
    """
    families = pyradiomics.getFeatureClasses()
    mask = _to_sitk(tumour[box].astype(np.uint8), spacing_mm)
    shape = shape_features(tumour[box], spacing_mm)
    values = [_real(complex(shape[name])) for name in SHAPE.split()]
    for modality in MODALITIES:
        whole = _to_sitk(images[modality], spacing_mm)
        if preset.settings["normalize"]:
            whole = pyradiomics.imageoperations.normalizeImage(whole, **preset.settings)
        image = whole[box]
        del whole
        _check_grey_levels(modality, image, tumour[box], preset)
        for family, names in INTENSITY.items():
            found = families[family](image, mask, **preset.settings).execute()
            values += [_real(complex(found[name])) for name in names.split()]
    return values


def _real(value: complex) -> float:
    """A feature as a number; one that is truly complex is none.

    Axes of equal length get an imaginary part of 1e-16 from numpy's eigenvalues.
    """
    return value.real if abs(value.imag) <= 1e-9 * abs(value) else float("nan")


def _to_sitk(voxels: NDArray[Any], spacing_mm: tuple[float, float, float]) -> Any:
    """A SimpleITK image of voxels (x, y, z); its arrays are (z, y, x)."""
    import SimpleITK

    image: Any = SimpleITK.GetImageFromArray(np.ascontiguousarray(voxels.transpose(2, 1, 0)))
    image.SetSpacing(spacing_mm)
    return image


def _check_grey_levels(modality: Modality, image: Any, tumour: Mask, preset: Preset) -> None:
    """Refuse an image that can't be binned, or not into few enough levels, before anything is counted."""
    import SimpleITK

    values = SimpleITK.GetArrayViewFromImage(image)[tumour.transpose(2, 1, 0)]
    if not np.isfinite(values).all():
        raise NoFeatures(f"{modality} can't be normalised: it has the same value everywhere, or one that is not finite")
    width = preset.settings.get("binWidth", _BIN_WIDTH)
    levels = preset.settings.get("binCount", np.floor(values.max() / width) - np.floor(values.min() / width) + 1)
    if levels > MAX_GREY_LEVELS:
        raise NoFeatures(
            f"{modality} has {levels:.0f} grey levels in the tumour, at most {MAX_GREY_LEVELS} are counted"
        )
