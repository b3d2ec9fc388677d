"""How scoring looks while it runs: a bar on a terminal, one line a case elsewhere."""

import sys

from tqdm import tqdm

from bratseval.challenge import Edition
from bratseval.challenge.metrics import first_metric
from bratseval.cli.printable import printable
from bratseval.scoring.result import ScoredCase


class Progress:
    """A bar on a terminal, one line a case elsewhere; all of it on stderr."""

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
        """Count a case of `total`; on a terminal only what is wrong or odd is said in words."""
        self._done += 1
        self._bar.total = total
        self._bar.update()
        if not self._shown or case.failed or case.warnings:
            self._bar.write(f"[{self._done}/{total}] {printable(case_line(case, self._edition))}", file=sys.stderr)


def case_line(case: ScoredCase, edition: Edition) -> str:
    """One case in words: its first Dice in each region, or why it failed; warnings below."""
    told = "".join(f"\n    {warning}" for warning in case.warnings)
    if case.failed:
        return f"{case.case!r}: failed: {case.reason}{told}"
    dice = first_metric(edition, "dice")
    values = ", ".join(f"{region} {values[dice.key]:.3f}" for region, values in case.regions.items())
    return f"{case.case!r}: {dice.column}: {values}{told}"
