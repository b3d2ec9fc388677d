"""A run over many cases: each ends with one status and its reason, and none stops the others."""

import errno
import os
import platform
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal

import numpy as np

from bratseg.inference.pipeline import Ensemble, segment
from bratseg.models.member import OutOfDeviceMemory
from bratseval.errors import InputError
from bratseval.files.atomic import remove_partial_files, write_json
from bratseval.files.case_images import Volume, hash_case, read_case
from bratseval.files.cases import Case, FoundCases
from bratseval.files.nifti import read_grid, read_labels, write_labels
from bratseval.files.nifti_header import DESCRIPTION
from bratseval.files.sha256 import sha256_of_file, sha256_of_json

RunStatus = Literal["ok", "degraded", "skipped", "invalid_input", "failed"]
# What a single case can raise for reasons of its own; a defect shows as `failed` with its type, never as a result.
_CASE_FAILURES: Final = (
    OSError,
    MemoryError,
    ArithmeticError,
    ValueError,
    LookupError,
    RuntimeError,
    OutOfDeviceMemory,
)


@dataclass(frozen=True)
class CaseResult:
    """How one case ended.

    Attributes:
        state: ok; degraded (segmented, but see `warnings`); skipped (an earlier run's
            output was verified); invalid_input; failed.
        volumes_mm3: volume of each label that was found.
    """

    case: str
    state: RunStatus
    reason: str = ""
    seconds: float = 0.0
    shape: tuple[int, ...] = ()
    spacing_mm: tuple[float, ...] = ()
    volumes_mm3: dict[str, float] = field(default_factory=dict)
    postprocess: str = ""
    removed_voxels: int = 0
    warnings: tuple[str, ...] = ()
    inputs_sha256: dict[str, str] = field(default_factory=dict)
    output_sha256: str = ""


@dataclass(frozen=True)
class Settings:
    """What the result of a case depends on besides its images, and where it was computed."""

    weights: str
    weights_sha256: str
    mirroring: bool
    tile_step: float
    postprocess: bool
    device: str


def _ignore(*_: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Callbacks:
    """What a run calls as it goes on.

    Attributes:
        tile: with (member, members, tile, tiles) while a case is computed.
        case: with each result as it comes.
    """

    tile: Callable[[int, int, int, int], None] = _ignore
    case: Callable[[CaseResult], None] = _ignore


def run_cases(
    found: FoundCases,
    output: Path,
    ensemble: Ensemble,
    settings: Settings,
    *,
    resume: bool = False,
    callbacks: Callbacks = Callbacks(),
) -> list[CaseResult]:
    """Segment every case into `output`/<id>.nii.gz; problems of the input folder come first.

    A full disk ends the run: what is left is `failed` without having been tried.

    Args:
        resume: keep an output that an earlier run with the same inputs, weights and
            settings finished; anything else is done again.
    """
    remove_partial_files(output)
    results = [CaseResult(case, "invalid_input", reason) for case, reason in found.problems.items()]
    for result in results:
        callbacks.case(result)
    full = ""
    for case in found.cases:
        if full:
            result = CaseResult(case.id, "failed", f"not tried: {full}")
        else:
            result, full = _run_case(case, output, ensemble, settings, resume=resume, on_tile=callbacks.tile)
        results.append(result)
        callbacks.case(result)
    return results


def write_report(path: Path, results: Sequence[CaseResult], settings: Settings, seconds: float) -> None:
    """Everything about a run as JSON; complete or not at all.

    Raises:
        OSError: the file can't be written.
    """
    content = {
        "format": 1,
        "version": version("brats-harness"),
        "settings": asdict(settings),
        "host": {
            "system": platform.system(),
            "machine": platform.machine(),
            "cpus": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
            "torch": version("torch"),
        },
        "seconds": round(seconds, 3),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "cases": [asdict(result) for result in results],
    }
    write_json(path, content)


def _run_case(
    case: Case,
    output: Path,
    ensemble: Ensemble,
    settings: Settings,
    *,
    resume: bool,
    on_tile: Callable[[int, int, int, int], None],
) -> tuple[CaseResult, str]:
    """One case's result, and what keeps the run from going on, if anything."""
    start = time.monotonic()
    target = output / f"{case.id}.nii.gz"
    try:
        sha256 = hash_case(case)
        key = _key(sha256, settings)
        if resume and _is_finished(target, case, key):
            return CaseResult(case.id, "skipped", "an earlier run finished it; verified"), ""
        volume = read_case(case, sha256)
        result = _segment_case(case, target, volume, ensemble, key, on_tile)
    except InputError as error:
        result = CaseResult(case.id, "invalid_input", str(error))
    except _CASE_FAILURES as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            full = f"{output}: cannot be written ({error.strerror})"
            return CaseResult(case.id, "failed", f"{full}. Make room and run again with --resume."), full
        result = CaseResult(case.id, "failed", f"{type(error).__name__}: {error}")
    seconds = round(time.monotonic() - start, 3)
    return replace(result, seconds=seconds), ""


def _segment_case(
    case: Case,
    target: Path,
    volume: Volume,
    ensemble: Ensemble,
    key: str,
    on_tile: Callable[[int, int, int, int], None],
) -> CaseResult:
    segmentation = segment(volume, ensemble, on_tile)
    write_labels(target, segmentation.labels, volume.grid, key)
    voxel_mm3 = float(abs(np.linalg.det(volume.grid.affine[:3, :3])))
    counts = np.bincount(segmentation.labels.ravel())
    warnings = (*volume.warnings, *segmentation.steps_down)
    return CaseResult(
        case.id,
        "degraded" if warnings else "ok",
        shape=volume.grid.shape,
        spacing_mm=tuple(round(edge, 6) for edge in volume.grid.spacing_mm),
        volumes_mm3={str(label): round(n * voxel_mm3, 3) for label, n in enumerate(counts.tolist()) if label and n},
        postprocess=segmentation.postprocess,
        removed_voxels=segmentation.removed_voxels,
        warnings=warnings,
        inputs_sha256={str(modality): sha256 for modality, sha256 in volume.sha256.items()},
        output_sha256=sha256_of_file(target),
    )


def _key(sha256: object, settings: Settings) -> str:
    """What an output carries in its header, so that a later run knows what made it."""
    made_of = {**asdict(settings), "device": None, "inputs": sha256, "version": version("brats-harness")}
    return f"brats-harness {sha256_of_json(made_of)[:48]}"


def _is_finished(target: Path, case: Case, key: str) -> bool:
    """Whether the output is whole, lies on the case's grid, and was made from these inputs and settings."""
    if not target.exists():
        return False
    try:
        image = read_labels(target)
        grid = read_grid(case.images["t1c"])
    except InputError:
        return False
    made_by = image.grid.header[DESCRIPTION].split(b"\0")[0].decode("ascii", "replace")
    return made_by == key and image.grid.shape == grid.shape and image.grid.difference(grid) == 0
