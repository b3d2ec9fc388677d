"""Scores that nobody measured: small entries for a leaderboard, in memory and as a scores.json."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from bratseval.challenge import edition
from bratseval.challenge.metrics import platform_names
from bratseval.results.submission_scores import SubmissionScores, versions
from bratseval.results.tables import write_tables
from bratseval.scoring.result import Lesion, ScoredCase

VERSIONS = {"brats-harness": "0.1.0", "connected-components-3d": "4.1.1", "surface-distance": "0.1"}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def case_scores(case: str, values: Mapping[str, float], name: str = "ssa-2023", seed: object = "") -> ScoredCase:
    """A case whose every region has the official values given, by official name, and 0.5 for the others."""
    rules = edition(name)
    regions = {region: {key: values.get(key, 0.5) for key in platform_names(rules)} for region in rules.regions}
    lesion = Lesion("ET", 1, "detected", True, 64.0, (1.0, 2.0, 3.0), 0.5, 2.0, centroid_mm=(-1.0, 237.0, 3.0))
    files = {f"references/{case}-seg.nii.gz": sha256(case), f"predictions/{case}.nii.gz": sha256(f"{case} {seed}")}
    return ScoredCase(case, regions=regions, lesions=(lesion,), files=files, reference=next(iter(files)))


def scores(dices: Sequence[float], name: str = "ssa-2023") -> SubmissionScores:
    """A submission with a case for each lesion-wise Dice, the same in all regions."""
    cases = [
        case_scores(f"BraTS-SSA-{n:05}-000", {"LesionWise_Score_Dice": dice}, name, dice)
        for n, dice in enumerate(dices, start=1)
    ]
    return SubmissionScores(name, "edition", VERSIONS, tuple(cases))


def submission_of(cases: Sequence[ScoredCase], name: str, *unknown: str) -> SubmissionScores:
    """The submission of scored cases, as score_submission returns it."""
    return SubmissionScores(name, "edition", versions(), tuple(cases), unknown)


def scores_file(folder: Path, dices: Sequence[float], name: str = "ssa-2023") -> Path:
    """A scores.json as bratseval score writes it, with a case for each value; all values of a case are the same."""
    rules = edition(name)
    cases = []
    for n, dice in enumerate(dices, start=1):
        case = f"BraTS-SSA-{n:05}-000"
        regions = {region: dict.fromkeys(platform_names(rules), dice) for region in rules.regions}
        centre = (1.0, 2.0, 3.0)
        lesions = (Lesion("ET", 1, "detected", True, 64.0, centre, dice, 2.0, centroid_mm=centre),)
        files = {f"references/{case}-seg.nii.gz": sha256(case), f"{folder}/{case}.nii.gz": sha256(f"{case} {dice}")}
        cases.append(ScoredCase(case, regions=regions, lesions=lesions, files=files, reference=next(iter(files))))
    write_tables(folder, submission_of(cases, name, "stray.nii.gz"), rules)
    return folder / "scores.json"
