"""The editions of BraTS from 2023 to 2026, by name.

Not in the tables, because unknown: which cohort a GoAT case of 2024 or 2025 belongs to
(the platform's mapping file was never published), so GoAT has one edition for each
cohort; and the configuration by which the platform scored MET in 2025.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from bratseval.challenge.labels import (
    LABEL_NAMES,
    METASTASIS_REGIONS,
    PAEDIATRIC_LABELS,
    PAEDIATRIC_REGIONS,
    POST_TREATMENT_LABELS,
    REGIONS,
)
from bratseval.challenge.lesionwise import LESIONWISE
from bratseval.challenge.rules import Edition, Geometry, InstanceRules, RegionRules
from bratseval.challenge.sources import (
    ID_2024,
    ID_2026,
    ID_GOAT,
    METRICS_2026,
    PLATFORM_2024,
    PLATFORM_2025,
    PLATFORM_2026,
    SRI24_2026_MM,
    SRI24_ANYWHERE,
    SRI24_MM,
)
from bratseval.errors import InputError


def edition(name: str) -> Edition:
    """The edition of that name.

    Raises:
        InputError: there is none; the message lists those there are.
    """
    if name in EDITIONS:
        return EDITIONS[name]
    cohorts = [other for other in EDITIONS if other.startswith(f"{name}-")]
    if cohorts:
        raise InputError(
            f"{name}: scores each case by the rules of its cohort, expected one of {', '.join(cohorts)}. "
            "Choose the cohort of the cases."
        )
    raise InputError(f"{name}: is no edition, expected one of {', '.join(EDITIONS)}. Check the spelling.")


def _cohort(goat: str, cohort: str, entry: Edition, platform: str, geometry: Geometry | None) -> Edition:
    """GoAT's cases of one cohort: the cohort's rules, GoAT's names of files (goat-validation-phase.cwl)."""
    return replace(
        entry,
        name=f"{goat}-{cohort}",
        title=f"BraTS {goat[-4:]} GoAT, cohort {cohort.upper()}",
        case_id=ID_GOAT,
        reference_end="-seg",
        geometry=geometry,
        sources=(entry.sources[0], platform),
    )


def _instances(
    name: str, title: str, labels: Mapping[int, str], regions: Mapping[str, frozenset[int]], rules: InstanceRules
) -> Edition:
    return Edition(
        name=name,
        title=title,
        family="instances-2026",
        labels=labels,
        regions={region: RegionRules(labels_of) for region, labels_of in regions.items()},
        penalty_mm=rules.penalty_mm,
        case_id=ID_2026,
        sources=(METRICS_2026, PLATFORM_2026),
        instances=rules,
    )


# score.py @634548a: the script of 2023 by each case's cohort; it knows these five, which of them occur is unknown
_GOAT_2024: Final = tuple(
    _cohort("goat-2024", cohort, LESIONWISE[f"{cohort}-2023"], PLATFORM_2024, SRI24_ANYWHERE)
    for cohort in ("gli", "ssa", "ped", "men", "met")
)
# score.py of 2025: the same with the scripts of 2025. PED means its renumbered labels there (1 is ET), while GoAT's
# are 1 NCR, 2 ED, 3 ET; whether the platform renumbered the references of that cohort is unknown.
_GOAT_2025: Final = tuple(
    _cohort("goat-2025", cohort, LESIONWISE[name], PLATFORM_2025, None)
    for cohort, name in (
        ("gli", "gli-2025"),
        ("ssa", "ssa-2025"),
        ("ped", "ped-2025"),
        ("men", "men-2025"),
        ("met", "met-2025-lesionwise"),
    )
)

# score.py: "seg" for PED and GoAT, global values and counts of components of any size
_SEG_2026: Final = InstanceRules(vol_threshold_mm3=None, overlap_threshold=None, penalty_mm=SRI24_2026_MM)
# score.py: mets --vol_threshold 27 --overlap_threshold 0.2
_METS_2026: Final = InstanceRules(vol_threshold_mm3=27.0, overlap_threshold=0.2, penalty_mm=SRI24_2026_MM)
# score_panoptica.py: GaNDLF and panoptica with a configuration (syn68603937) that is not public; infinite HD95 is 374
_METS_2025: Final = InstanceRules(vol_threshold_mm3=None, overlap_threshold=None, penalty_mm=SRI24_MM)
_MET_2026: Final = replace(
    _instances("met-2026", "BraTS 2026 Metastases", POST_TREATMENT_LABELS, METASTASIS_REGIONS, _METS_2026),
    optional=("t2w",),  # since 2025 (data page of the task)
)
_MET_2025: Final = replace(
    _MET_2026,
    name="met-2025",
    title="BraTS 2025 Metastases",
    penalty_mm=_METS_2025.penalty_mm,
    case_id=ID_2024,
    sources=("mlcommons/GaNDLF, problem type segmentation_brats", PLATFORM_2025),
    instances=_METS_2025,
)

EDITIONS: Final[Mapping[str, Edition]] = {
    entry.name: entry
    for entry in (
        *LESIONWISE.values(),
        *_GOAT_2024,
        *_GOAT_2025,
        _MET_2025,
        _MET_2026,
        _instances("ped-2026", "BraTS 2026 Pediatrics", PAEDIATRIC_LABELS, PAEDIATRIC_REGIONS, _SEG_2026),
        _instances("goat-2026", "BraTS 2026 GoAT", LABEL_NAMES, REGIONS, _SEG_2026),
    )
}
