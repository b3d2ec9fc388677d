"""Scores as files: cases.csv with the platform's column names, lesions.csv, summary.csv, scores.json."""

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition
from bratseval.lesionwise import Lesion
from bratseval.scoring import platform_names
from bratseval.submission import Labelling, ScoredCase

# Rows below the platform's tables; quartiles are linear, the deviation is that of a sample (pandas' describe).
SUMMARY_ROWS: Final = ("mean", "std", "25quantile", "median", "75quantile", "n")
_PACKAGES: Final = ("brats-harness", "numpy", "scipy", "nibabel", "connected-components-3d", "surface-distance")
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


def column(name: str, region: str, edition: Edition) -> str:
    """What the platform calls a value of a region: Dice_ET, or global_dsc_et since 2026."""
    return f"{name}_{region.lower() if edition.family == 'instances-2026' else region}"


def columns(cases: Sequence[ScoredCase], edition: Edition) -> tuple[str, ...]:
    """The names of a case's numbers: the platform's columns (each value for ET, TC, WT), then the corrected ones."""
    official = platform_names(edition.name).values()
    names = (*official, *_corrected(cases))
    return tuple(column(name, region, edition) for name in names for region in sorted(edition.regions))


def values(cases: Sequence[ScoredCase], edition: Edition) -> NDArray[np.float64]:
    """The numbers of all cases, one row a case, in the order of `columns`; NaN where there is none."""
    regions = sorted(edition.regions)
    corrected = _corrected(cases)
    rows = []
    for case in cases:
        row = [case.score.regions[region][key] for key in platform_names(edition.name) for region in regions]
        row += [case.score.corrected.get(region, {}).get(key, math.nan) for key in corrected for region in regions]
        rows.append(row)
    return np.array(rows, dtype=np.float64).reshape(len(cases), len(columns(cases, edition)))


def summary(cases: Sequence[ScoredCase], edition: Edition) -> Mapping[str, tuple[float, ...]]:
    """Mean, deviation, quartiles and n of each column over all cases, failed ones included.

    NaN, where an edition gives it, is left out and n is smaller, as pandas does on the
    platform. Nothing has the mean NaN; a single case has the deviation NaN.
    """
    described = [_described(column) for column in values(cases, edition).T]
    return {name: tuple(row) for name, row in zip(SUMMARY_ROWS, zip(*described, strict=True), strict=True)}


def write_tables(
    folder: Path,
    cases: Sequence[ScoredCase],
    edition: Edition,
    unknown: Sequence[str],
    labelling: Labelling = "edition",
) -> None:
    """Write the four files; each appears complete or not at all.

    Args:
        edition: with the regions to tell, all or some.
        unknown: what the predictions are called that answer no case.
        labelling: how the files' labels were read.

    Raises:
        OSError: the disk refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = columns(cases, edition)
    rows = (
        (case.case, *row, case.state, case.reason, "; ".join(case.warnings))
        for case, row in zip(cases, values(cases, edition).tolist(), strict=True)
    )
    write_csv(folder / "cases.csv", ("scan_id", *names, "state", "reason", "warnings"), rows)
    described = ((name, *row) for name, row in summary(cases, edition).items())
    write_csv(folder / "summary.csv", ("", *names), described)
    lesions = [_lesion_row(case, lesion) for case in cases for lesion in case.score.lesions]
    write_csv(folder / "lesions.csv", _lesion_columns(), lesions)
    everything = {**_everything(cases, edition), "labels": labelling, "predictions_of_no_case": list(unknown)}
    _write(folder / "scores.json", json.dumps(everything, indent=1, allow_nan=False) + "\n")


def _corrected(cases: Sequence[ScoredCase]) -> list[str]:
    return list(dict.fromkeys(key for case in cases for values in case.score.corrected.values() for key in values))


def _described(column: NDArray[np.float64]) -> tuple[float, ...]:
    absent = np.isnan(column)
    n = len(column) - int(np.count_nonzero(absent))
    if n == 0:
        return (*[math.nan] * (len(SUMMARY_ROWS) - 1), 0.0)
    # NaN adds nothing but keeps its place in numpy's pairwise sums, as in pandas: the last bit depends on it
    mean = float(np.where(absent, 0.0, column).sum() / n)
    squares = np.where(absent, 0.0, (mean - column) ** 2)
    deviation = float(np.sqrt(squares.sum() / (n - 1))) if n > 1 else math.nan
    return (mean, deviation, *map(float, np.quantile(column[~absent], (0.25, 0.5, 0.75))), float(n))


# Lesions

_BESIDE: Final = ("region", "number", "outcome", "counted", "volume_mm3", "centroid_voxels")


def _measures() -> list[str]:
    """What an edition may measure of a lesion: Dice, HD95, NSD."""
    return [field.name for field in fields(Lesion) if field.name not in _BESIDE]


def _lesion_columns() -> tuple[str, ...]:
    centre = [f"{axis}_{unit}" for unit in ("voxels", "mm") for axis in "xyz"]
    return ("scan_id", "region", "lesion", "outcome", "counted", "volume_mm3", *centre, *_measures())


def _lesion_row(case: ScoredCase, lesion: Lesion) -> tuple[object, ...]:
    centre_mm = _centroid_mm(case, lesion)
    measured = (getattr(lesion, name) for name in _measures())
    told = (lesion.region, lesion.number, lesion.outcome, lesion.counted, lesion.volume_mm3)
    return (case.case, *told, *lesion.centroid_voxels, *centre_mm, *measured)


def _centroid_mm(case: ScoredCase, lesion: Lesion) -> list[float]:
    """Where the lesion is in mm, RAS+, by the reference's affine."""
    affine = np.array(case.affine)
    return [float(c) for c in affine[:3, :3] @ np.array(lesion.centroid_voxels) + affine[:3, 3]]


# Files


def _everything(cases: Sequence[ScoredCase], edition: Edition) -> dict[str, object]:
    content = {
        "edition": edition.name,
        "family": edition.family,
        "sources": edition.sources,
        "versions": {name: version(name) for name in _PACKAGES},
        "summary": dict(
            zip(columns(cases, edition), map(_by_row, zip(*summary(cases, edition).values(), strict=True)), strict=True)
        ),
        "cases": [
            {
                "scan_id": case.case,
                "state": case.state,
                "reason": case.reason,
                "warnings": case.warnings,
                "sha256": case.files,
                "regions": case.score.regions,
                "corrected": case.score.corrected,
                "lesions": [{**asdict(row), "centroid_mm": _centroid_mm(case, row)} for row in case.score.lesions],
            }
            for case in cases
        ],
    }
    return {key: _without_nan(value) for key, value in content.items()}


def _by_row(column: Sequence[float]) -> Mapping[str, float]:
    return dict(zip(SUMMARY_ROWS, column, strict=True))


def _without_nan(content: object) -> object:
    """The same with null for NaN and infinity, which JSON does not have."""
    if isinstance(content, Mapping):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(head)
    table.writerows([_cell(value) for value in row] for row in rows)
    _write(path, text.getvalue())


def _cell(value: object) -> object:
    if isinstance(value, float) and math.isnan(value):
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8", errors="backslashreplace")  # names need not be text
    partial.replace(path)
