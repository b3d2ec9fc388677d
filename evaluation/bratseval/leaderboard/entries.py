"""The table in which the scores of a submission may stand, and the digest that says whether two are the same."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from bratseval.files.sha256 import sha256_of_json
from bratseval.results.submission_scores import IMPORTED, SubmissionScores
from bratseval.scoring.result import Lesion, ScoredCase


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


def table_of(scores: SubmissionScores) -> Table:
    """The table in which scores may stand."""
    references = {case.case: case.reference_sha256 for case in sorted(scores.cases, key=lambda case: case.case)}
    return Table(scores.edition, scores.evaluator, scores.labels, scores.regions, references)


def digest_of(scores: SubmissionScores) -> str:
    """Equal when the same files scored the same, whatever they were called and wherever they lay."""
    return _sha256(
        {
            "table": table_of(scores).digest,
            "cases": [_measured(case) for case in sorted(scores.cases, key=lambda case: case.case)],
        }
    )


def _measured(case: ScoredCase) -> Mapping[str, object]:
    return {
        "case": case.case,
        "state": case.status,
        "refused": bool(case.skipped_by_platform),
        "predictions": sorted(sha256 for path, sha256 in case.files.items() if path != case.reference),
        "regions": case.regions,
        "corrected": case.corrected,
        "evaluator": case.evaluator,
        "lesions": [placed(lesion) for lesion in case.lesions],
    }


def placed(lesion: Lesion) -> Mapping[str, object]:
    """A lesion as digests and exports hold it: what was measured, and its centroid in mm beside it."""
    measured = asdict(lesion)
    centroid_mm = measured.pop("centroid_mm")
    return {"lesion": measured, "centroid_mm": centroid_mm}


def _sha256(content: object) -> str:
    return sha256_of_json(_plain(content))


def _plain(content: object) -> object:
    """The same with one spelling of each number: 1 and 1.0, and NaN, are written alike."""
    if isinstance(content, Mapping):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    if isinstance(content, int | float) and not isinstance(content, bool):
        return "nan" if math.isnan(content) else repr(float(content))
    return content
