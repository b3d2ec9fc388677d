"""A report as files: a front page that stands alone, and beside it a folder of case pages that share one viewer."""

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import resources
from itertools import combinations, pairwise
from pathlib import Path
from typing import Final

import numpy as np

from bratseval.challenge.metrics import Metric
from bratseval.errors import InputError
from bratseval.files.atomic import write_bytes, write_text
from bratseval.files.sha256 import sha256_of_bytes
from bratseval.process_map import map_in_order
from bratseval.report.case_page import Place, case_page, page_name
from bratseval.report.contents import Contents, metrics_shown, number
from bratseval.report.images import CaseFiles
from bratseval.report.plots import case_by_case, distributions
from bratseval.report.standings import Standings
from bratseval.report.template import NIIVUE, NIIVUE_SHA256, asset, render

FRONT: Final = "report.html"
FOLDER: Final = "report_files"
_MOST_PAIRS: Final = 15  # six submissions; of more, each with the next in the standings
_EQUAL: Final = 1e-9  # a smaller difference is none


@dataclass(frozen=True)
class Written:
    """The front page, and the bytes of it and of all case pages with the viewer."""

    front: Path
    front_bytes: int
    case_bytes: int


def write_report(
    folder: Path,
    contents: Contents,
    standings: Standings | None,
    files: Mapping[str, CaseFiles],
    *,
    jobs: int = 1,
    on_case: Callable[[str], None] = lambda _: None,
) -> Written:
    """Write the report; an earlier one in the folder is replaced.

    Args:
        standings: ranks, intervals and p-values; None leaves them out.
        files: what there is to show of a case; a case that is not in it has a page without images.
        jobs: processes at most.
        on_case: called with each case as its page is written.

    Raises:
        OSError: the folder can't be written.
        InputError: the vendored viewer is not what it should be.
    """
    pages = folder / FOLDER
    shutil.rmtree(pages, ignore_errors=True)
    pages.mkdir(parents=True)
    _copy_viewer(pages / NIIVUE)
    names = [page_name(i) for i in range(len(contents.cases))]
    work = [
        (case, Place(names[i], FRONT, names[i - 1] if i else "", (*names, "")[i + 1]), files.get(case))
        for i, case in enumerate(contents.cases)
    ]
    for case in map_in_order(partial(_write_page, pages, contents), work, min(jobs, len(work))):
        on_case(case)
    front = folder / FRONT
    write_text(front, _front(contents, standings, [f"{FOLDER}/{name}" for name in names]))
    case_bytes = sum(path.stat().st_size for path in pages.iterdir())
    return Written(front, front.stat().st_size, case_bytes)


_Work = tuple[str, Place, CaseFiles | None]


def _write_page(pages: Path, contents: Contents, work: _Work) -> str:
    case, place, files = work
    # names need not be text
    write_bytes(pages / place.name, case_page(contents, case, place, files).encode("utf-8", "replace"))
    return case


def _copy_viewer(target: Path) -> None:
    data = (resources.files("bratseval.report") / "assets" / NIIVUE).read_bytes()
    digest = sha256_of_bytes(data)
    if digest != NIIVUE_SHA256:
        raise InputError(f"{NIIVUE}: has the sha256 {digest}, expected {NIIVUE_SHA256}. Install brats-harness again.")
    write_bytes(target, data)


def _front(contents: Contents, standings: Standings | None, hrefs: Sequence[str]) -> str:
    metrics = metrics_shown(contents.edition)
    return render(
        "front.html",
        title=contents.title,
        edition=contents.edition,
        evaluator=contents.submissions[0].scores.evaluator,
        submissions=contents.submissions,
        cases=contents.cases,
        standings=standings,
        distributions=[_distribution(contents, metric, hrefs) for metric in metrics],
        pairs=_pairs(contents, metrics[0], hrefs),
        case_heads=[f"{entry.name}: {metric.heading}" for metric in metrics for entry in contents.submissions],
        case_rows=_case_rows(contents, metrics, hrefs),
        script=asset("front.js"),
    )


def _distribution(contents: Contents, metric: Metric, hrefs: Sequence[str]) -> str:
    values = {
        region: {entry.name: contents.column(entry, region, metric.key) for entry in contents.submissions}
        for region in contents.regions
    }
    return distributions(values, metric.heading, hrefs)


def _pairs(contents: Contents, metric: Metric, hrefs: Sequence[str]) -> list[Mapping[str, object]]:
    submissions = contents.submissions
    pairs = list(combinations(submissions, 2))
    if len(pairs) > _MOST_PAIRS:
        pairs = list(pairwise(submissions))
    rows: list[Mapping[str, object]] = []
    for first, second in pairs:
        one, other = (contents.mean_of_regions(entry, metric.key) for entry in (first, second))
        change = (other - one)[~np.isnan(other - one)]
        rows.append(
            {
                "first": first.name,
                "second": second.name,
                "unit": metric.heading,
                "won": int(np.count_nonzero(change > _EQUAL)),
                "lost": int(np.count_nonzero(change < -_EQUAL)),
                "equal": int(np.count_nonzero(np.abs(change) <= _EQUAL)),
                "plot": case_by_case(one, other, (first.name, second.name), metric.heading, hrefs),
            }
        )
    return rows


def _case_rows(contents: Contents, metrics: Sequence[Metric], hrefs: Sequence[str]) -> list[Mapping[str, object]]:
    """A row for each case, the one with the lowest mean Dice over submissions first; what is undefined comes last."""
    columns = [contents.mean_of_regions(entry, metric.key) for metric in metrics for entry in contents.submissions]
    dices = np.array(columns[: len(contents.submissions)])
    there = ~np.isnan(dices)
    mean = np.where(there.any(axis=0), np.where(there, dices, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1), np.inf)
    digits = [3 if metric.larger_is_better else 1 for metric in metrics for _ in contents.submissions]
    return [
        {
            "case": contents.cases[i],
            "href": hrefs[i],
            "cells": [
                {"value": "" if math.isnan(column[i]) else repr(float(column[i])), "text": number(column[i], n)}
                for column, n in zip(columns, digits, strict=True)
            ],
        }
        for i in np.argsort(mean, kind="stable")
    ]
