"""The means of a submission as text: a line for each value, a column for each region."""

from collections.abc import Sequence

from bratseval.challenge.metrics import platform_names
from bratseval.challenge.rules import Edition
from bratseval.results.summary import column, columns, summary
from bratseval.scoring.result import ScoredCase


def means_table(cases: Sequence[ScoredCase], edition: Edition) -> str:
    """The official values averaged over cases; NaN where the edition leaves a value undefined.

    Args:
        cases: at least one.
        edition: with the regions that were scored; see `Edition.with_regions`.
    """
    regions = sorted(edition.regions)
    means = dict(zip(columns(cases, edition), summary(cases, edition)["mean"], strict=True))
    names = tuple(platform_names(edition).values())
    width = max(map(len, names))
    lines = [f"{edition.title} ({edition.name}): {_number_of_cases(cases)}"]
    lines.append(" " * width + "".join(f"{region:>12}" for region in regions))
    for name in names:
        values = "".join(f"{means[column(name, region, edition)]:>12.4f}" for region in regions)
        lines.append(f"{name:<{width}}{values}")
    return "\n".join(lines)


def _number_of_cases(cases: Sequence[ScoredCase]) -> str:
    total, failed = len(cases), sum(case.failed for case in cases)
    if total == 1:
        return "1 case, which failed and scores the worst values" if failed else "1 case"
    return f"mean of {total} cases" + (f", {failed} failed" if failed else "")
