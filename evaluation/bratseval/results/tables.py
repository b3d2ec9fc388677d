"""Scores as files: cases.csv with the platform's column names, lesions.csv, summary.csv, scores.json."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Final

from bratseval.challenge import Edition
from bratseval.files.atomic import write_json
from bratseval.files.csv_table import write_csv
from bratseval.results.submission_scores import SubmissionScores
from bratseval.results.summary import columns, summary, values
from bratseval.scoring.result import Lesion, ScoredCase


def write_tables(folder: Path, scores: SubmissionScores, edition: Edition) -> None:
    """Write the four files; each appears complete or not at all.

    Args:
        scores: of the submission; its cases hold the regions to write, all or some.
        edition: with the same regions.

    Raises:
        OSError: the disk refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cases = scores.cases
    names = columns(cases, edition)
    rows = (
        (case.case, *row, case.status, case.reason, "; ".join(case.warnings))
        for case, row in zip(cases, values(cases, edition).tolist(), strict=True)
    )
    write_csv(folder / "cases.csv", ("scan_id", *names, "state", "reason", "warnings"), rows)
    described = ((name, *row) for name, row in summary(cases, edition).items())
    write_csv(folder / "summary.csv", ("", *names), described)
    lesions = [_lesion_row(case, lesion) for case in cases for lesion in case.lesions]
    write_csv(folder / "lesions.csv", _lesion_columns(), lesions)
    write_json(folder / "scores.json", _everything(scores, edition))


# Lesions

_BESIDE: Final = ("region", "number", "outcome", "counted", "volume_mm3", "centroid_voxels", "centroid_mm")


def _measures() -> list[str]:
    """What an edition may measure of a lesion: Dice, HD95, NSD."""
    return [field.name for field in fields(Lesion) if field.name not in _BESIDE]


def _lesion_columns() -> tuple[str, ...]:
    centre = [f"{axis}_{unit}" for unit in ("voxels", "mm") for axis in "xyz"]
    return ("scan_id", "region", "lesion", "outcome", "counted", "volume_mm3", *centre, *_measures())


def _lesion_row(case: ScoredCase, lesion: Lesion) -> tuple[object, ...]:
    centroid_mm = lesion.centroid_mm or (math.nan,) * 3
    measured = (getattr(lesion, name) for name in _measures())
    described = (lesion.region, lesion.number, lesion.outcome, lesion.counted, lesion.volume_mm3)
    return (case.case, *described, *lesion.centroid_voxels, *centroid_mm, *measured)


# Files


def _everything(scores: SubmissionScores, edition: Edition) -> dict[str, object]:
    content = {
        "edition": edition.name,
        "family": edition.family,
        "sources": edition.sources,
        "versions": scores.versions,
        "summary": _by_column(scores.cases, edition),
        "cases": [
            {
                "scan_id": case.case,
                "state": case.status,
                "reason": case.reason,
                "warnings": case.warnings,
                "refused": case.skipped_by_platform,
                "sha256": case.files,
                "reference": case.reference,
                "regions": case.regions,
                "corrected": case.corrected,
                "evaluator": case.evaluator,
                "lesions": [asdict(lesion) for lesion in case.lesions],
            }
            for case in scores.cases
        ],
        "labels": scores.labels,
        "predictions_of_no_case": list(scores.unknown),
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
