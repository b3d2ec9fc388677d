"""A leaderboard as files for others: every value a row of a CSV, or all of it as JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bratseval.challenge import EDITIONS
from bratseval.challenge.metrics import platform_names
from bratseval.files.atomic import write_json
from bratseval.files.csv_table import write_csv
from bratseval.leaderboard.entries import Table, placed
from bratseval.leaderboard.store import Leaderboard, LeaderboardEntry
from bratseval.results.submission_scores import SubmissionScores
from bratseval.results.summary import column
from bratseval.results.tables import without_nan
from bratseval.scoring.result import ScoredCase

CSV_HEAD: Final = ("table", "edition", "entry", "name", "scan_id", "state", "column", "value")


def export_csv(leaderboard: Leaderboard, path: Path) -> None:
    """Every official and corrected value of every case and entry, a row each, columns called as in cases.csv.

    Raises:
        OSError: the disk refuses.
    """
    write_csv(path, CSV_HEAD, _rows(leaderboard))


def export_json(leaderboard: Leaderboard, path: Path) -> None:
    """Tables and entries with their cases, lesions and tags; null is NaN, "Infinity" infinite.

    Raises:
        OSError: the disk refuses.
    """
    content = {
        "tables": [_table(number, table) for number, table in leaderboard.tables().items()],
        "entries": [_entry(entry, leaderboard.scores(entry.number)) for entry in leaderboard.entries()],
    }
    write_json(path, without_nan(content))


def _rows(leaderboard: Leaderboard) -> Iterator[tuple[object, ...]]:
    for entry in leaderboard.entries():
        scores = leaderboard.scores(entry.number, lesions=False)
        for case in scores.cases:
            first_cells = (entry.table, scores.edition, entry.number, entry.name, case.case, case.status)
            yield from ((*first_cells, name, value) for name, value in named_values(case, scores.edition).items())


def named_values(case: ScoredCase, edition: str) -> Mapping[str, float]:
    """Official and corrected values of a case by the names they have in cases.csv."""
    scored_by = EDITIONS[edition]
    official = {
        column(name, region, scored_by): values[key]
        for key, name in platform_names(scored_by).items()
        for region, values in sorted(case.regions.items())
    }
    corrected = {
        column(key, region, scored_by): value
        for region, values in sorted(case.corrected.items())
        for key, value in values.items()
    }
    return {**official, **corrected}


def _table(number: int, table: Table) -> Mapping[str, object]:
    return {"table": number, **asdict(table), "digest": table.digest}


def _entry(entry: LeaderboardEntry, scores: SubmissionScores) -> Mapping[str, object]:
    cases = [_case(case) for case in scores.cases]
    return {**asdict(entry), "versions": scores.versions, "unknown": scores.unknown, "scores": cases}


def _case(case: ScoredCase) -> Mapping[str, object]:
    return {
        "case": case.case,
        "state": case.status,
        "regions": case.regions,
        "corrected": case.corrected,
        "evaluator": case.evaluator,
        "lesions": [placed(lesion) for lesion in case.lesions],
        "reason": case.reason,
        "refused": case.skipped_by_platform,
        "warnings": case.warnings,
        "files": case.files,
        "reference": case.reference,
    }
