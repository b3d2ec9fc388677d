"""Scores as rows of the leaderboard's file, and back."""

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from bratseval.results.submission_scores import SubmissionScores
from bratseval.scoring.result import CaseStatus, Lesion, ScoredCase

Values = Mapping[str, Mapping[str, float]]
_MEASURES: Final = ("dice", "hd95_mm", "nsd_at_half_mm", "nsd_at_1_mm", "nsd")
_LESION_COLUMNS: Final = (
    *("region", "number", "outcome", "counted", "volume_mm3", "x_voxels", "y_voxels", "z_voxels"),
    *_MEASURES,
    *("x_mm", "y_mm", "z_mm"),
)


def insert_case(connection: sqlite3.Connection, entry: int, case: ScoredCase) -> None:
    """Write one case of an entry with its values and lesions."""
    row = (entry, case.case, case.status, case.reason, case.skipped_by_platform, json.dumps(case.warnings))
    cursor = connection.execute(
        "INSERT INTO cases (entry_id, name, state, reason, refused, warnings, files, reference)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*row, json.dumps(dict(case.files)), case.reference),
    )
    number = cursor.lastrowid
    connection.executemany(
        "INSERT INTO case_values (case_id, origin, region, metric, value) VALUES (?, ?, ?, ?, ?)",
        ((number, *value) for value in _value_rows(case)),
    )
    connection.executemany(
        f"INSERT INTO lesions (case_id, position, {', '.join(_LESION_COLUMNS)})"  # noqa: S608 - constants
        f" VALUES (?, ?{', ?' * len(_LESION_COLUMNS)})",
        ((number, position, *_lesion_row(lesion)) for position, lesion in enumerate(case.lesions)),
    )


def select_cases(connection: sqlite3.Connection, entry: int, *, lesions: bool) -> tuple[ScoredCase, ...]:
    """The cases of an entry in the order of their file.

    Args:
        lesions: read them too; without, every case has none.
    """
    values = _values_by_case(connection, entry)
    found = _lesions_by_case(connection, entry) if lesions else {}
    rows = connection.execute(
        "SELECT id, name, state, reason, refused, warnings, files, reference FROM cases WHERE entry_id = ? ORDER BY id",
        (entry,),
    )
    return tuple(
        ScoredCase(
            case=name,
            status=CaseStatus(status),
            **values.get(number, {"regions": {}}),
            lesions=tuple(found.get(number, ())),
            reason=reason,
            skipped_by_platform=skipped,
            warnings=tuple(json.loads(warnings)),
            files=json.loads(files),
            reference=reference,
        )
        for number, name, status, reason, skipped, warnings, files, reference in rows
    )


def _value_rows(case: ScoredCase) -> Iterator[tuple[str, str, str, float | None]]:
    for origin, by_region in (
        ("official", case.regions),
        ("corrected", case.corrected),
        ("evaluator", case.evaluator),
    ):
        for region, values in by_region.items():
            yield from ((origin, region, metric, _or_null(value)) for metric, value in values.items())


def _values_by_case(connection: sqlite3.Connection, entry: int) -> Mapping[int, dict[str, Values]]:
    names = {"official": "regions", "corrected": "corrected", "evaluator": "evaluator"}
    cases: dict[int, dict[str, dict[str, dict[str, float]]]] = {}
    rows = connection.execute(
        "SELECT case_id, origin, region, metric, value FROM case_values"
        " JOIN cases ON cases.id = case_id WHERE entry_id = ?",
        (entry,),
    )
    for case, origin, region, metric, value in rows:
        kinds = cases.setdefault(case, {name: {} for name in names.values()})
        kinds[names[origin]].setdefault(region, {})[metric] = _or_nan(value)
    return {case: dict(kinds) for case, kinds in cases.items()}


def _lesions_by_case(connection: sqlite3.Connection, entry: int) -> Mapping[int, list[Lesion]]:
    cases: dict[int, list[Lesion]] = {}
    rows = connection.execute(
        f"SELECT case_id, {', '.join(_LESION_COLUMNS)} FROM lesions"  # noqa: S608 - constants
        " JOIN cases ON cases.id = case_id WHERE entry_id = ? ORDER BY case_id, position",
        (entry,),
    )
    for case, *row in rows:
        cases.setdefault(case, []).append(_lesion(row))
    return cases


def _lesion_row(lesion: Lesion) -> tuple[object, ...]:
    if lesion.centroid_mm is None:
        raise ValueError(f"lesion {lesion.number} of {lesion.region} has no centroid in mm, expected one")
    described = (lesion.region, lesion.number, lesion.outcome, int(lesion.counted), _or_null(lesion.volume_mm3))
    measured = (_or_null(getattr(lesion, name)) for name in _MEASURES)
    return (*described, *lesion.centroid_voxels, *measured, *lesion.centroid_mm)


def _lesion(row: list[object]) -> Lesion:
    region, number, outcome, counted, volume, *numbers = row
    x, y, z, *rest = _nans(numbers)
    *measured, x_mm, y_mm, z_mm = rest
    return Lesion(
        str(region),
        int(str(number)),
        outcome,  # type: ignore[arg-type]  # the schema checks it
        bool(counted),
        _or_nan(volume),
        (x, y, z),
        *measured,
        centroid_mm=(x_mm, y_mm, z_mm),
    )


def _nans(values: Iterable[object]) -> list[float]:
    return [_or_nan(value) for value in values]


def _or_null(value: float) -> float | None:
    return None if math.isnan(value) else value


def _or_nan(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def scores_row(scores: SubmissionScores) -> tuple[str, str]:
    """What an entry keeps beside its cases: versions and unknown predictions, as JSON."""
    return json.dumps(dict(scores.versions)), json.dumps(scores.unknown)
