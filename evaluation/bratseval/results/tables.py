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

from bratseval.challenge import Edition
from bratseval.results.score_files import Labelling, ScoredCase
from bratseval.results.summary import columns, summary, values
from bratseval.scoring.lesionwise import Lesion

_PACKAGES: Final = ("brats-harness", "numpy", "scipy", "nibabel", "connected-components-3d", "surface-distance")
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


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
    write_text(folder / "scores.json", json.dumps(everything, indent=1, allow_nan=False) + "\n")


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
        "summary": _by_column(cases, edition),
        "cases": [
            {
                "scan_id": case.case,
                "state": case.state,
                "reason": case.reason,
                "warnings": case.warnings,
                "refused": case.refused,
                "sha256": case.files,
                "reference": next(iter(case.files), ""),
                "regions": case.score.regions,
                "corrected": case.score.corrected,
                "evaluator": case.score.evaluator,
                "lesions": [{**asdict(row), "centroid_mm": _centroid_mm(case, row)} for row in case.score.lesions],
            }
            for case in cases
        ],
    }
    return {key: without_nan(value) for key, value in content.items()}


def _by_column(cases: Sequence[ScoredCase], edition: Edition) -> Mapping[str, Mapping[str, float]]:
    rows = summary(cases, edition)
    return {name: {row: values[i] for row, values in rows.items()} for i, name in enumerate(columns(cases, edition))}


def without_nan(content: object) -> object:
    """The same with null for NaN and a word for infinity, neither of which JSON has."""
    if isinstance(content, Mapping):
        return {key: without_nan(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [without_nan(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None if math.isnan(content) else "Infinity"
    return content


def write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table that appears complete or not at all; NaN is an empty cell, and no text runs in a spreadsheet."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(head)
    table.writerows([_cell(value) for value in row] for row in rows)
    write_text(path, text.getvalue())


def _cell(value: object) -> object:
    if isinstance(value, float) and math.isnan(value):
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


def write_text(path: Path, text: str) -> None:
    """Write a file that appears complete or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8", errors="backslashreplace")  # names need not be text
    partial.replace(path)
