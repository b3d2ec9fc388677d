"""The scores of a whole submission: the one type from scoring to tables, leaderboard, ranking and report."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from bratseval.extras import TABLE, require
from bratseval.scoring.result import ScoredCase

if TYPE_CHECKING:
    from pandas import DataFrame

# Packages whose version decides about a number: whose rules, what is connected, how far surfaces lie apart.
EVALUATOR_PACKAGES: Final = ("brats-harness", "connected-components-3d", "surface-distance")
IMPORTED: Final = "imported"  # in place of an evaluator: the platform's own file, which names none


# What scores.json names the versions of.
_PACKAGES: Final = ("brats-harness", "numpy", "scipy", "nibabel", "connected-components-3d", "surface-distance")


def versions() -> Mapping[str, str]:
    """The installed version of each package that takes part in scoring."""
    return {name: version(name) for name in _PACKAGES}


@dataclass(frozen=True)
class SubmissionScores:
    """The scores of one submission: just scored, of a scores.json, or of a file of the platform.

    >>> import numpy as np
    >>> from bratseval import score
    >>> reference = np.zeros((24, 24, 24), np.uint8)
    >>> reference[8:16, 8:16, 8:16] = 3
    >>> print(score(np.roll(reference, 1, axis=0), reference, "ssa-2023", spacing_mm=(1, 1, 1)))
    BraTS 2023 Africa (ssa-2023): 1 case
                                    ET          TC          WT
    LesionWise_Dice             0.8750      0.8750      0.8750
    LesionWise_Hausdorff95      1.0000      1.0000      1.0000
    Num_TP                      1.0000      1.0000      1.0000
    Num_FP                      0.0000      0.0000      0.0000
    Num_FN                      0.0000      0.0000      0.0000
    Dice                        0.8750      0.8750      0.8750
    Hausdorff95                 1.0000      1.0000      1.0000
    Sensitivity                 0.8750      0.8750      0.8750
    Specificity                 0.9952      0.9952      0.9952
    GT_Complete_Volume        512.0000    512.0000    512.0000

    Attributes:
        edition: its name.
        labels: how the files' labels were read; see `score_files.Labelling`.
        versions: of the packages that scored; empty when unknown.
        cases: in the order of the file.
        unknown: names of the predictions that belong to no case.
        imported: from the platform's file, so references and evaluator are unknown.
    """

    edition: str
    labels: str
    versions: Mapping[str, str]
    cases: tuple[ScoredCase, ...]
    unknown: tuple[str, ...] = ()
    imported: bool = False

    @property
    def evaluator(self) -> str:
        """The packages and versions that decide about the numbers, or "imported"."""
        if self.imported:
            return IMPORTED
        return ", ".join(f"{name} {self.versions[name]}" for name in EVALUATOR_PACKAGES)

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that were scored, sorted."""
        return tuple(sorted({region for case in self.cases for region in case.regions}))

    def __str__(self) -> str:
        """The means as a table, a column for each region."""
        from bratseval.challenge import edition
        from bratseval.results.means_table import means_table

        return means_table(self.cases, edition(self.edition).with_regions(self.regions))

    def to_dicts(self) -> list[dict[str, object]]:
        """A dict for each case: `scan_id`, every number under its column of cases.csv, `state` and `reason`."""
        from bratseval.challenge import edition
        from bratseval.results.summary import columns, values

        scored_by = edition(self.edition).with_regions(self.regions)
        names = columns(self.cases, scored_by)
        return [
            {
                "scan_id": case.case,
                **dict(zip(names, row, strict=True)),
                "state": str(case.status),
                "reason": case.reason,
            }
            for case, row in zip(self.cases, values(self.cases, scored_by).tolist(), strict=True)
        ]

    def to_frame(self) -> "DataFrame":
        """The same as a pandas DataFrame, a row for each case, indexed by `scan_id`.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        require(TABLE)
        import pandas as pd

        return pd.DataFrame(self.to_dicts()).set_index("scan_id")
