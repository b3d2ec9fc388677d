"""Features of many cases: on several processes, kept by content, so that nothing is measured twice."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from bratseg.radiomics.feature_names import EXTRACTOR, FEATURE_NAMES, Preset
from bratseg.radiomics.features import MAX_GREY_LEVELS, MAX_SURFACE_FACES, NoFeatures, extract_features, load_extractor
from bratseg.radiomics.projection import Numbers
from bratseval.challenge import Modality
from bratseval.errors import InputError
from bratseval.files.atomic import write_json
from bratseval.files.case_images import MAX_AFFINE_DIFFERENCE_MM, case_in_lps, hash_case, read_case
from bratseval.files.cases import Case
from bratseval.files.csv_table import write_csv
from bratseval.files.nifti import VoxelGrid, read_labels
from bratseval.files.orientation import to_lps
from bratseval.files.sha256 import sha256_of_file, sha256_of_json
from bratseval.process_map import map_in_order

_FORMAT: Final = 1  # of a kept file; another arithmetic gets another number


@dataclass(frozen=True)
class Segmented:
    """A case and the file of a segmentation of it, of which the whole tumour is measured."""

    case: Case
    labels: Path


@dataclass(frozen=True)
class Measured:
    """A case's features.

    Attributes:
        features: FEATURE_NAMES and their values; None where there are none.
        reason: why there are none.
        readable: whether the files could be read; where not, the reason says what is wrong.
    """

    case: str
    features: Mapping[str, float] | None
    reason: str = ""
    readable: bool = True


def measure_cases(
    cases: Sequence[Segmented],
    preset: Preset,
    *,
    cache: Path | None = None,
    jobs: int = 1,
    on_case: Callable[[Measured], None] = lambda _: None,
) -> list[Measured]:
    """The features of every case, in the order of `cases`; one that has none says why and stops no other.

    Args:
        cache: a folder where features are kept under the sha256 of what they depend on:
            the content of images and segmentation, the settings and the extractor. It
            is made where it is not there; a kept file that is damaged is written anew.
        jobs: processes at most, of 0.5 GB each for volumes of BraTS's size. More than one
            starts fresh interpreters, so a script that calls this guards its own main part.
        on_case: called with each case, in order, as it is done.

    Raises:
        InputError: pyradiomics can't be loaded (`load_extractor`), or the folder can't be made.
        ChildProcessError: a process was killed from outside, most likely for its memory.
    """
    try:
        load_extractor()
        if cache is not None:
            cache.mkdir(parents=True, exist_ok=True)
    except NoFeatures as reason:
        raise InputError(f"{reason}.") from None
    except OSError as error:
        raise InputError(f"{cache}: cannot be made ({error.strerror}). Choose another folder.") from None
    measured = []
    # ITK's threads stay as many as there are: the last bit of its normalising depends on their number (measured)
    for result in map_in_order(partial(_measure, preset=preset, cache=cache), cases, min(jobs, len(cases))):
        measured.append(result)
        on_case(result)
    return measured


def rows_of(measured: Sequence[Measured]) -> Numbers:
    """The features (cases, 386), in the order of FEATURE_NAMES, of those cases that have some."""
    rows = [[case.features[name] for name in FEATURE_NAMES] for case in measured if case.features is not None]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(FEATURE_NAMES))


def write_features(path: Path, measured: Sequence[Measured]) -> None:
    """Write a CSV: case, reason, the 386 features; a case without features has empty cells.

    Raises:
        OSError: the disk refuses.
    """
    rows = (
        (case.case, case.reason, *(case.features[name] if case.features else "" for name in FEATURE_NAMES))
        for case in measured
    )
    write_csv(path, ("case", "reason", *FEATURE_NAMES), rows)


def _measure(segmented: Segmented, preset: Preset, cache: Path | None) -> Measured:
    case = segmented.case
    try:
        sha256 = hash_case(case)
        kept = None if cache is None else cache / f"{_key(segmented, preset, sha256)}.json"
        features = None if kept is None else _read_kept(kept)
        if features is None:
            features = _extract(segmented, preset, sha256)
            if kept is not None:
                _keep(kept, features)
        return Measured(case.id, features)
    except NoFeatures as reason:
        return Measured(case.id, None, str(reason))
    except InputError as error:
        return Measured(case.id, None, str(error), readable=False)


def _extract(segmented: Segmented, preset: Preset, sha256: Mapping[Modality, str]) -> Mapping[str, float]:
    volume, labels = read_case(segmented.case, sha256), read_labels(segmented.labels)
    _check_grid(segmented.labels, labels.grid, volume.grid)
    turned = case_in_lps(volume)
    return extract_features(to_lps(labels.voxels, labels.grid.affine), turned.images, turned.spacing_mm, preset)


def _check_grid(path: Path, found: VoxelGrid, expected: VoxelGrid) -> None:
    if found.shape != expected.shape:
        raise InputError(f"{path}: is {found.shape} voxels, expected {expected.shape} like its images. Resample it.")
    if (off := found.difference(expected)) > MAX_AFFINE_DIFFERENCE_MM:
        raise InputError(
            f"{path}: its affine differs from that of its images by up to {off:.3g} mm, expected the same. Resample it."
        )


def _key(segmented: Segmented, preset: Preset, sha256: Mapping[Modality, str]) -> str:
    """The sha256 of all that a case's features depend on."""
    try:
        labels = sha256_of_file(segmented.labels)
    except OSError as error:
        raise InputError(f"{segmented.labels}: cannot be read ({error.strerror}). Check its permissions.") from None
    made_of = {
        "format": _FORMAT,
        "extractor": EXTRACTOR,
        "settings": dict(preset.settings),
        "limits": (MAX_GREY_LEVELS, MAX_SURFACE_FACES),
        "images": dict(sha256),
        "labels": labels,
    }
    return sha256_of_json(made_of)


def _read_kept(path: Path) -> Mapping[str, float] | None:
    """The features in a kept file; None where there is none that is whole."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(values, dict) or tuple(values) != FEATURE_NAMES:
        return None
    sound = all(isinstance(value, float) and np.isfinite(value) for value in values.values())
    return values if sound else None


def _keep(path: Path, features: Mapping[str, float]) -> None:
    try:
        write_json(path, dict(features))
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}). Make room.") from None
