"""The platform's per-case file (all_scores.csv): a row for each case, summary rows below."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bratseval.challenge import EDITIONS, Edition
from bratseval.challenge.metrics import platform_names
from bratseval.errors import InputError
from bratseval.files.strict_json import storable
from bratseval.leaderboard.scores_file import MAX_CASES, MAX_NAME
from bratseval.results.submission_scores import SubmissionScores
from bratseval.results.summary import column
from bratseval.scoring.result import ScoredCase

MAX_BYTES: Final = 64 * 1024**2
# What the platform's tables have below the cases (pandas' describe; brats-parse-metrics since 2026).
SUMMARIES: Final = ("mean", "std", "25quantile", "median", "75quantile", "min", "max", "count")
_MAX_COLUMNS: Final = 1000
_MAX_TOLD: Final = 20
_MAX_NAMED: Final = 3


def read_platform_file(path: Path, edition: Edition) -> SubmissionScores:
    """The cases of a platform's file as scores without references.

    Values stand under the official script's names, as in a scores.json; values that
    the file does not have are NaN. Summary rows are passed over.

    Raises:
        InputError: with all that is wrong: a column that the edition does not have or
            has twice, a metric without one of its regions, a cell that is no number, a
            case twice or none.
    """
    rows = _rows(path)
    problems = _column_problems(path, rows[0][1:], edition)
    if problems:
        raise InputError("\n".join(problems))
    case_rows = [row for row in rows[1:] if row[0] not in SUMMARIES]
    problems = _row_problems(path, rows[0], case_rows)
    cases = []
    for row in case_rows if not problems else ():
        numbers = {name: _number(cell) for name, cell in zip(rows[0][1:], row[1:], strict=True)}
        problems += [
            f"{path}: {name} of {row[0]!r} is no number. Correct it."
            for name, value in numbers.items()
            if value is None
        ]
        cases.append(_case(row[0], {name: value for name, value in numbers.items() if value is not None}, edition))
    if problems:
        raise InputError("\n".join(problems[:_MAX_TOLD]))
    return SubmissionScores(edition.name, "edition", {}, tuple(cases), imported=True)


def _keys(edition: Edition) -> Mapping[str, tuple[str, str]]:
    """Region and official name of each column that an edition has."""
    return {
        column(name, region, edition): (region, key)
        for key, name in platform_names(edition).items()
        for region in edition.regions
    }


def _rows(path: Path) -> list[list[str]]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(f"{path}: is too large, expected at most {MAX_BYTES} bytes. Check the file.")
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). Check its path and permissions.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: is not a CSV file ({error}). Download it again.") from None
    rows = [row for row in rows if row]
    if len(rows) < 2 or rows[0][0] not in ("", "scan_id") or not 2 <= len(rows[0]) <= _MAX_COLUMNS:
        raise InputError(f"{path}: is not a file of the platform, expected a first line `scan_id,…`. Check the file.")
    return rows


def _column_problems(path: Path, names: Sequence[str], edition: Edition) -> list[str]:
    known = _keys(edition)
    strange = [name for name in names if name not in known]
    problems = []
    if strange:
        others = [
            name for name, other in EDITIONS.items() if set(names) <= set(_keys(other)) and not _lacking(names, other)
        ]
        advice = f"Name the edition that scored it, one of {', '.join(others)}." if others else "Check the file."
        more = f" and {len(strange) - _MAX_NAMED} more" if len(strange) > _MAX_NAMED else ""
        names = ", ".join(strange[:_MAX_NAMED])
        problems.append(f"{path}: has columns that {edition.name} lacks, got {names}{more}. {advice}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        problems.append(f"{path}: has the column {twice} twice, expected it once. Delete one.")
    return problems + [
        f"{path}: has no column {name}, expected every region. Add it." for name in _lacking(names, edition)
    ]


def _lacking(names: Sequence[str], edition: Edition) -> list[str]:
    """The columns that complete the metrics of a file to all regions of an edition."""
    known = _keys(edition)
    metrics = {known[name][1] for name in names if name in known}
    return [name for name, (_, metric) in known.items() if metric in metrics and name not in names]


def _row_problems(path: Path, head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    names = [row[0] for row in rows]
    problems = [
        f"{path}: {row[0]!r} has {len(row)} cells, expected {len(head)}. Correct the line."
        for row in rows
        if len(row) != len(head)
    ]
    problems += [f"{path}: {name!r} is no case's id. Correct it." for name in names if not 1 <= len(name) <= MAX_NAME]
    if not 1 <= len(names) <= MAX_CASES:
        problems.append(f"{path}: holds {len(names)} cases, expected 1 to {MAX_CASES}. Check the file.")
    elif len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        problems.append(f"{path}: holds {twice!r} twice, expected each case once. Delete one.")
    return problems


def _number(cell: str) -> float | None:
    """The number in a cell, NaN in an empty one, None where there is something else."""
    if not cell.strip():
        return math.nan
    try:
        return float(cell) if "_" not in cell else None
    except ValueError:
        return None


def _case(name: str, values: Mapping[str, float], edition: Edition) -> ScoredCase:
    keys, official = _keys(edition), platform_names(edition)
    regions = {region: dict.fromkeys(official, math.nan) for region in edition.regions}
    for title, value in values.items():
        region, key = keys[title]
        regions[region][key] = value
    return ScoredCase(storable(name), regions=regions)
