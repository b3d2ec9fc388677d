"""The means of a submission as text: a line for each value, a column for each region."""

from bratseval.challenge import edition
from bratseval.challenge.metrics import platform_names
from bratseval.results.submission_scores import SubmissionScores
from bratseval.results.summary import column, columns, summary


def means_table(scores: SubmissionScores) -> str:
    """The official values of a submission, averaged over its cases; NaN where an edition leaves a value undefined."""
    scored_by = edition(scores.edition)
    regions = scores.regions
    shown = scored_by.with_regions(regions)
    means = dict(zip(columns(scores.cases, shown), summary(scores.cases, shown)["mean"], strict=True))
    names = tuple(platform_names(scored_by).values())
    width = max(map(len, names))
    lines = [f"{scored_by.title} ({scored_by.name}): {_number_of_cases(scores)}"]
    lines.append(" " * width + "".join(f"{region:>12}" for region in regions))
    for name in names:
        values = "".join(f"{means[column(name, region, shown)]:>12.4f}" for region in regions)
        lines.append(f"{name:<{width}}{values}")
    return "\n".join(lines)


def _number_of_cases(scores: SubmissionScores) -> str:
    total, failed = len(scores.cases), sum(case.failed for case in scores.cases)
    if total == 1:
        return "1 case, which failed and scores the worst values" if failed else "1 case"
    return f"mean of {total} cases" + (f", {failed} failed" if failed else "")
