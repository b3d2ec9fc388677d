"""A ranking as text and as JSON."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from bratseval.cli.printable import counted

if TYPE_CHECKING:
    from bratseval.leaderboard.published import PublishedResult
    from bratseval.ranking import Mean, Ranking, Standing


def ranking_text(ranking: "Ranking") -> str:
    """Settings, places, means with intervals, and the p-values between submissions."""
    return "\n\n".join(
        "\n".join(part) for part in (_settings(ranking), _places(ranking), _means(ranking), _matrix(ranking)) if part
    )


def _settings(ranking: "Ranking") -> list[str]:
    settings = ranking.settings
    regions = " ".join(dict.fromkeys(column.region for column in ranking.columns))
    lines = [
        f"ranked by {', '.join(settings.metrics)} of {regions}; {counted(len(ranking.cases), 'case')}",
        f"scheme: {settings.scheme}; ties: {settings.ties}; missing values: {settings.missing} "
        f"({counted(ranking.missing, 'value')}); undefined: {counted(ranking.undefined, 'value')}",
        f"95 % intervals: bootstrap over cases, {counted(settings.samples, 'sample')}; "
        f"p: one-sided, {counted(settings.permutations, 'permutation')}, Holm's correction; "
        f"tiers: p < {settings.alpha:g}; seed {settings.seed}",
    ]
    return [*lines, *(f"source: {source}" for source in settings.sources)]


def _places(ranking: "Ranking") -> list[str]:
    head = ("place", "95 %", "tier", "score", "95 %", "place without one case", "failed", "name")
    rows = [
        (
            str(standing.place),
            _span(*standing.place_interval, digits=0),
            str(standing.tier),
            _number(standing.score, 3),
            _span(*standing.score_interval, digits=3),
            _without(standing),
            str(standing.failed),
            standing.name,
        )
        for standing in ranking.standings
    ]
    return aligned([head, *rows])


def _without(standing: "Standing") -> str:
    best, worst = standing.places_without
    cases = len(standing.moved_by)
    return f"{best}-{worst}, changed by {counted(cases, 'case')}" if cases else "the same"


def _means(ranking: "Ranking") -> list[str]:
    lines: list[str] = []
    for metric in ranking.settings.metrics:
        columns = [column for column in ranking.columns if column.metric == metric]
        rows = [
            (*(_mean(standing.means[column.name], len(ranking.cases)) for column in columns), standing.name)
            for standing in ranking.standings
        ]
        lines += ["", *aligned([(*(column.name for column in columns), "name"), *rows])]
    return ['mean [95 % interval]; "of n" if only n cases have a value', *lines[1:]]


def _mean(mean: "Mean", cases: int) -> str:
    of = "" if mean.n == cases else f" of {mean.n}"
    return f"{_number(mean.mean, 4)} [{_span(mean.lower, mean.upper, digits=4)}]{of}"


def _matrix(ranking: "Ranking") -> list[str]:
    count = len(ranking.standings)
    if count < 2:
        return []
    rows = [
        (str(row + 1), *(_p(ranking, row, column) for column in range(count)), standing.name)
        for row, standing in enumerate(ranking.standings)
    ]
    head = ("", *(str(column + 1) for column in range(count)), "name")
    title = "p that the row is better than the column by chance only, after Holm's correction (before it)"
    return [title, *aligned([head, *rows])]


def _p(ranking: "Ranking", row: int, column: int) -> str:
    if column <= row:
        return "."
    return f"{_number(float(ranking.adjusted[row, column]), 4)} ({_number(float(ranking.p[row, column]), 5)})"


def published_text(results: Sequence["PublishedResult"]) -> str:
    """Published results, each with its cases and its source."""
    lines = ["published results, not ranked here:"]
    for result in results:
        values = "; ".join(
            f"{metric} {', '.join(f'{region} {value:g}' for region, value in by_region.items())}"
            for metric, by_region in result.values.items()
        )
        lines.append(
            f"  {result.team}, {result.description} ({result.edition}; {result.case_set}): {values} [{result.source}]"
        )
    return "\n".join(lines)


def ranking_json(ranking: "Ranking") -> Mapping[str, object]:
    """The whole ranking as a JSON object."""
    names = {"settings": "manner"}  # the key in the file since its first version
    content = {names.get(name, name): value for name, value in asdict(ranking).items()}
    return {**content, "p": ranking.p.tolist(), "adjusted": ranking.adjusted.tolist()}


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines with right-aligned columns; the last column, a name, is left as it is."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    return [
        "  ".join([*(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
    ]


def _span(lower: float, upper: float, digits: int) -> str:
    return f"{_number(lower, digits)}-{_number(upper, digits)}"


def _number(value: float, digits: int) -> str:
    return "none" if math.isnan(value) else f"{value:.{digits}f}"
