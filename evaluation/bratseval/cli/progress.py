"""The progress of scoring on stderr: a bar on a terminal, one line per case elsewhere."""

import sys

from tqdm import tqdm

from bratseval.challenge import Edition
from bratseval.challenge.metrics import first_metric
from bratseval.cli.printable import printable
from bratseval.scoring.result import ScoredCase


class Progress:
    """A bar on a terminal, one line per case elsewhere."""

    def __init__(self, edition: Edition) -> None:
        self._edition = edition
        self._done = 0
        self._shown = sys.stderr.isatty()
        self._bar = tqdm(unit="case", disable=not self._shown)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def case(self, case: ScoredCase, total: int) -> None:
        """Count one case of `total`; a terminal gets a line only for failed cases and warnings."""
        self._done += 1
        self._bar.total = total
        self._bar.update()
        if not self._shown or case.failed or case.warnings:
            self._bar.write(f"[{self._done}/{total}] {printable(case_line(case, self._edition))}", file=sys.stderr)


def case_line(case: ScoredCase, edition: Edition) -> str:
    """One case as text: its first Dice in each region, or why it failed, and its warnings on lines of their own."""
    warnings = "".join(f"\n    {warning}" for warning in case.warnings)
    if case.failed:
        return f"{case.case!r}: failed: {case.reason.removeprefix(f'{case.case}: ')}{warnings}"
    dice = first_metric(edition, "dice")
    values = ", ".join(f"{region} {values[dice.key]:.3f}" for region, values in case.regions.items())
    return f"{case.case!r}: {dice.column}: {values}{warnings}"
