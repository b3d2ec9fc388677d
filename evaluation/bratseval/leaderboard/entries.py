"""What a leaderboard keeps: the scores of a submission, and the table in which they may stand."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Final

from bratseval.results.score_files import State
from bratseval.scoring.lesionwise import Lesion

# Packages whose version decides about a number: whose rules, what is connected, how far surfaces lie apart.
EVALUATOR_PACKAGES: Final = ("brats-harness", "connected-components-3d", "surface-distance")
IMPORTED: Final = "imported"  # in place of an evaluator: the platform's own file, which names none


@dataclass(frozen=True)
class PlacedLesion:
    """A lesion and its centre in mm, RAS+ by the reference's affine."""

    lesion: Lesion
    centroid_mm: tuple[float, float, float]


@dataclass(frozen=True)
class CaseScores:
    """One case of a submission.

    Attributes:
        regions: for each region the official values by the official script's names; NaN where there is none.
        corrected, evaluator: as in `scoring.CaseScore`.
        files: sha256 of each file that was read, by its path.
        reference: the path in `files` that is the reference; empty when unknown.
    """

    case: str
    state: State
    regions: Mapping[str, Mapping[str, float]]
    corrected: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    evaluator: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    lesions: tuple[PlacedLesion, ...] = ()
    reason: str = ""
    refused: str = ""
    warnings: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    reference: str = ""

    @property
    def reference_sha256(self) -> str:
        """Of the reference; empty when unknown."""
        return self.files.get(self.reference, "")


@dataclass(frozen=True)
class Scores:
    """The scores of one submission, as one scores.json or one file of the platform tells them.

    Attributes:
        edition: its name.
        labels: how the files' labels were read; see `submission.Labelling`.
        versions: of the packages that scored; empty when unknown.
        cases: in the order of the file.
        unknown: what the predictions are called that answer no case.
        imported: from the platform's file, so references and evaluator are unknown.
    """

    edition: str
    labels: str
    versions: Mapping[str, str]
    cases: tuple[CaseScores, ...]
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
        """The regions that were told, sorted."""
        return tuple(sorted({region for case in self.cases for region in case.regions}))


@dataclass(frozen=True)
class Table:
    """What scores must share to be compared; scores that differ in any of it never stand in one table.

    Attributes:
        references: sha256 of each case's reference by case, sorted; empty text where unknown.
    """

    edition: str
    evaluator: str
    labels: str
    regions: tuple[str, ...]
    references: Mapping[str, str]

    @property
    def digest(self) -> str:
        """Equal for equal tables alone."""
        return _sha256(asdict(self))

    @property
    def imported(self) -> bool:
        """Whether references and evaluator are unknown."""
        return self.evaluator == IMPORTED

    @property
    def reference_set(self) -> str:
        """A short name of the references: equal for equal cases with equal references."""
        return _sha256(dict(self.references))[:8]


def table_of(scores: Scores) -> Table:
    """The table in which scores may stand."""
    references = {case.case: case.reference_sha256 for case in sorted(scores.cases, key=lambda case: case.case)}
    return Table(scores.edition, scores.evaluator, scores.labels, scores.regions, references)


def digest_of(scores: Scores) -> str:
    """Equal when the same files scored the same, whatever they were called and wherever they lay."""
    return _sha256(
        {
            "table": table_of(scores).digest,
            "cases": [_measured(case) for case in sorted(scores.cases, key=lambda case: case.case)],
        }
    )


def _measured(case: CaseScores) -> Mapping[str, object]:
    return {
        "case": case.case,
        "state": case.state,
        "refused": bool(case.refused),
        "predictions": sorted(sha256 for path, sha256 in case.files.items() if path != case.reference),
        "regions": case.regions,
        "corrected": case.corrected,
        "evaluator": case.evaluator,
        "lesions": [asdict(placed) for placed in case.lesions],
    }


def _sha256(content: object) -> str:
    return hashlib.sha256(json.dumps(_plain(content), sort_keys=True).encode()).hexdigest()


def _plain(content: object) -> object:
    """The same with one spelling of each number: 1 and 1.0, and NaN, are written alike."""
    if isinstance(content, Mapping):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    if isinstance(content, int | float) and not isinstance(content, bool):
        return "nan" if math.isnan(content) else repr(float(content))
    return content
