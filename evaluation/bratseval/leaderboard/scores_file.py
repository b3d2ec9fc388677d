"""Reading scores.json as untrusted input: complete, with known keys alone, and every problem in one message."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final, get_args

from bratseval.challenge import EDITIONS, Edition
from bratseval.challenge.metrics import platform_names
from bratseval.errors import InputError
from bratseval.files.strict_json import Findings, read_findings
from bratseval.results.score_files import Labelling
from bratseval.results.submission_scores import EVALUATOR_PACKAGES, SubmissionScores
from bratseval.scoring.result import CaseStatus, Lesion, Outcome, ScoredCase

MAX_CASES: Final = 10_000  # the largest test set of BraTS has some 600
MAX_NAME: Final = 200  # characters of a case's id
_MAX_OWN: Final = 100  # corrected values, or the evaluator's own, of a region
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def read_scores(path: Path) -> SubmissionScores:
    """The scores in a scores.json.

    Summaries are not read: they follow from the cases.

    Raises:
        InputError: with all that is wrong: keys that are missing, values of another kind,
            an unknown edition, regions or official values other than the edition's, a case
            twice or none, no sha256 of a reference.
    """
    found = read_findings(path)
    edition = EDITIONS.get(found.text("edition", tuple(EDITIONS)))
    if edition is None:
        raise InputError("\n".join(found.problems))
    if found.text("family") != edition.family:
        found.problem("family", f"does not score {edition.name}", edition.family, found.text("family"))
    versions = _versions(found.table("versions"))
    labels = found.text("labels", get_args(Labelling))
    cases = tuple(_case(entry, edition) for entry in found.tables("cases"))
    _check_cases(found, cases)
    unknown = found.texts("predictions_of_no_case")
    found.finish()
    return SubmissionScores(edition.name, labels, versions, cases, unknown)


def _versions(found: Findings) -> Mapping[str, str]:
    for name in EVALUATOR_PACKAGES:
        found.text(name)
    return {name: found.text(name) for name in found.names}


def _check_cases(found: Findings, cases: tuple[ScoredCase, ...]) -> None:
    if not 1 <= len(cases) <= MAX_CASES:
        found.problem("cases", "are too few or too many", f"1 to {MAX_CASES} cases", len(cases))
    twice = [name for name, times in Counter(case.case for case in cases).items() if times > 1]
    if twice:
        found.problem("cases", "hold a case twice", "each once", twice[0])
    if len({tuple(sorted(case.regions)) for case in cases}) > 1:
        found.problem("cases", "have different regions", "the same regions in each", "several sets")


def _case(found: Findings, edition: Edition) -> ScoredCase:
    name = found.text("scan_id", least=1, most=MAX_NAME)
    scored = found.text("state", tuple(CaseStatus)) == CaseStatus.SCORED
    files = _files(found.table("sha256"))
    reference = found.text("reference")
    if reference not in files:
        found.problem("reference", "is none of the files under sha256", "the path of the reference", reference)
    return ScoredCase(
        case=name,
        status=CaseStatus.SCORED if scored else CaseStatus.FAILED,
        regions=_regions(found.table("regions"), edition),
        corrected=_own(found.table("corrected"), edition),
        evaluator=_own(found.table("evaluator"), edition),
        lesions=tuple(_lesion(entry, edition) for entry in found.tables("lesions")),
        reason=found.text("reason"),
        skipped_by_platform=found.text("refused"),
        warnings=found.texts("warnings"),
        files=files,
        reference=reference,
    )


def _files(found: Findings) -> Mapping[str, str]:
    files = {}
    for path in found.names:
        files[path] = found.text(path)
        if not _SHA256.fullmatch(files[path]):
            found.problem(path, "has no sha256", "64 hexadecimal digits", files[path])
    return files


def _regions(found: Findings, edition: Edition) -> Mapping[str, Mapping[str, float]]:
    """The official values of each region, each of which must be there under its name."""
    names = tuple(platform_names(edition))
    regions = {}
    for region in _known(found, edition):
        values = found.table(region)
        there = set(values.names)
        missing, unexpected = [name for name in names if name not in there], sorted(there - set(names))
        if missing or unexpected:
            values.problem("", "has other values", ", ".join(names), ", ".join(unexpected) or f"no {missing[0]}")
            continue
        regions[region] = {name: values.number(name) for name in names}
    if not regions:
        found.problem("", "has no region", ", ".join(edition.regions), ", ".join(found.names) or "nothing")
    return regions


def _own(found: Findings, edition: Edition) -> Mapping[str, Mapping[str, float]]:
    """Values under names of their own."""
    regions = {}
    for region in _known(found, edition):
        values = found.table(region)
        if len(values.names) > _MAX_OWN:
            values.problem("", "is too large", f"at most {_MAX_OWN} values", len(values.names))
            continue
        regions[region] = {name: values.number(name) for name in values.names}
    return regions


def _known(found: Findings, edition: Edition) -> list[str]:
    unexpected = [region for region in found.names if region not in edition.regions]
    if unexpected:
        found.problem("", f"has regions that {edition.name} lacks", ", ".join(edition.regions), ", ".join(unexpected))
    return [region for region in edition.regions if region in found.names]


def _lesion(found: Findings, edition: Edition) -> Lesion:
    outcomes: Mapping[str, Outcome] = {outcome: outcome for outcome in get_args(Outcome)}
    x, y, z = found.numbers("centroid_voxels", 3)
    x_mm, y_mm, z_mm = found.numbers("centroid_mm", 3)
    return Lesion(
        region=found.text("region", tuple(edition.regions)),
        number=found.number_of("number", least=1),
        outcome=outcomes.get(found.text("outcome", tuple(outcomes)), "missed"),
        counted=found.flag("counted"),
        volume_mm3=found.number("volume_mm3"),
        centroid_voxels=(x, y, z),
        dice=found.number("dice"),
        hd95_mm=found.number("hd95_mm"),
        nsd_at_half_mm=found.number("nsd_at_half_mm"),
        nsd_at_1_mm=found.number("nsd_at_1_mm"),
        nsd=found.number("nsd"),
        centroid_mm=(x_mm, y_mm, z_mm),
    )
