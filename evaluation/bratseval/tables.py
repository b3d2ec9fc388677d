"""Scores as files: cases.csv with the platform's column names, lesions.csv, summary.csv, scores.json."""

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np

from bratseval.challenge import Edition
from bratseval.lesionwise import (
    DICE,
    FN,
    FP,
    HD95,
    LESION_DICE,
    LESION_HD95,
    SENSITIVITY,
    SPECIFICITY,
    TP,
    VOLUME,
)
from bratseval.submission import ScoredCase

# Names of the platform's result files (all_scores.csv, all_full_scores.csv) for the values of the official script.
PLATFORM_NAMES: Final[Mapping[str, str]] = {
    LESION_DICE: "LesionWise_Dice",
    LESION_HD95: "LesionWise_Hausdorff95",
    TP: "Num_TP",
    FP: "Num_FP",
    FN: "Num_FN",
    DICE: "Dice",
    HD95: "Hausdorff95",
    SENSITIVITY: "Sensitivity",
    SPECIFICITY: "Specificity",
    VOLUME: "GT_Complete_Volume",
}
# Rows below the platform's tables; quartiles are linear, the deviation is that of a sample (pandas' describe).
SUMMARY_ROWS: Final = ("mean", "std", "25quantile", "median", "75quantile")
_LESION_COLUMNS: Final = (
    "scan_id",
    "region",
    "lesion",
    "outcome",
    "counted",
    "volume_mm3",
    "x_voxels",
    "y_voxels",
    "z_voxels",
    "dice",
    "hd95_mm",
)


def columns(edition: Edition) -> tuple[str, ...]:
    """The names of a case's numbers: each value for ET, TC, WT in the platform's order."""
    return tuple(f"{name}_{region}" for name in PLATFORM_NAMES.values() for region in sorted(edition.regions))


def values(case: ScoredCase, edition: Edition) -> tuple[float, ...]:
    """A case's numbers in the order of `columns`."""
    return tuple(case.score.regions[region][key] for key in PLATFORM_NAMES for region in sorted(edition.regions))


def summary(cases: Sequence[ScoredCase], edition: Edition) -> Mapping[str, tuple[float, ...]]:
    """Mean, deviation, quartiles and n of each column over all cases, failed ones included.

    The deviation of a single case is NaN.
    """
    table = np.array([values(case, edition) for case in cases])
    deviation = table.std(axis=0, ddof=1) if len(cases) > 1 else np.full(table.shape[1], np.nan)
    rows = (table.mean(axis=0), deviation, *np.quantile(table, (0.25, 0.5, 0.75), axis=0))
    told = {name: tuple(float(value) for value in row) for name, row in zip(SUMMARY_ROWS, rows, strict=True)}
    return told | {"n": (float(len(cases)),) * table.shape[1]}


def write_tables(folder: Path, cases: Sequence[ScoredCase], edition: Edition, unknown: Iterable[Path]) -> None:
    """Write the four files; each appears complete or not at all.

    Raises:
        OSError: the disk refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    head = ("scan_id", *columns(edition))
    _write_csv(
        folder / "cases.csv",
        (*head, "state", "reason", "warnings"),
        ((case.case, *values(case, edition), case.state, case.reason, "; ".join(case.warnings)) for case in cases),
    )
    _write_csv(folder / "lesions.csv", _LESION_COLUMNS, _lesion_rows(cases))
    _write_csv(folder / "summary.csv", ("", *head[1:]), ((name, *row) for name, row in summary(cases, edition).items()))
    _write_json(folder / "scores.json", cases, edition, unknown)


def _lesion_rows(cases: Sequence[ScoredCase]) -> Iterable[tuple[object, ...]]:
    for case in cases:
        for row in case.score.lesions:
            yield (
                case.case,
                row.region,
                row.number,
                row.outcome,
                row.counted,
                row.volume_mm3,
                *row.centroid_voxels,
                row.dice,
                row.hd95_mm,
            )


def _write_json(path: Path, cases: Sequence[ScoredCase], edition: Edition, unknown: Iterable[Path]) -> None:
    content = {
        "edition": edition.name,
        "family": edition.family,
        "sources": edition.sources,
        "versions": {name: version(name) for name in ("brats-harness", "numpy", "scipy", "connected-components-3d")},
        "cases": [
            {
                "scan_id": case.case,
                "state": case.state,
                "reason": case.reason,
                "warnings": case.warnings,
                "sha256": case.files,
                "regions": case.score.regions,
                "lesions": [asdict(lesion) for lesion in case.score.lesions],
            }
            for case in cases
        ],
        "predictions_of_no_case": [str(file) for file in unknown],
    }
    _write(path, json.dumps(content, indent=1) + "\n")


def _write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(head)
    table.writerows(rows)
    _write(path, text.getvalue())


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
