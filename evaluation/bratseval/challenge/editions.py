"""The editions of BraTS from 2023 to 2026, by name.

Not in the tables, because unknown: which cohort a GoAT case of 2024 or 2025 belongs to
(the platform's mapping file was never published), so GoAT has one edition for each
cohort; and the configuration by which the platform scored MET in 2025.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from bratseval.challenge.editions_2023_2025 import LESIONWISE
from bratseval.challenge.labels import (
    LABEL_NAMES,
    METASTASIS_REGIONS,
    PAEDIATRIC_LABELS,
    PAEDIATRIC_REGIONS,
    POST_TREATMENT_LABELS,
    POST_TREATMENT_REGIONS,
    RADIOTHERAPY_LABELS,
    RADIOTHERAPY_REGIONS,
    REGIONS,
)
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


_ANY_SIZE: Final = InstanceRules()  # large and small lesions are not told apart


def _instances(
    name: str,
    title: str,
    labels: Mapping[int, str],
    regions: Mapping[str, frozenset[int]],
    *sources: str,
    rules: InstanceRules = _ANY_SIZE,
    penalty_mm: float = SRI24_2026_MM,
    case_id: str = ID_2026,
) -> Edition:
    return Edition(
        name=name,
        title=title,
        family="instances-2026",
        labels=labels,
        regions={region: RegionRules(labels_of) for region, labels_of in regions.items()},
        penalty_mm=penalty_mm,
        case_id=case_id,
        sources=sources,
        instances=rules,
    )


def _ordered(regions: Mapping[str, frozenset[int]], names: str) -> Mapping[str, frozenset[int]]:
    """Regions in the order of a bundled configuration."""
    return {name: regions[name] for name in names.split()}


def _bundled(configuration: str) -> str:
    return f"{METRICS_2026}, bundled configuration {configuration}"


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

# score.py: mets --vol_threshold 27 --overlap_threshold 0.2 (the package's own defaults are 20 and 0.1)
_METS_2026: Final = InstanceRules(vol_threshold_mm3=27.0, overlap_threshold=0.2)
_MET_2026: Final = replace(
    _instances(
        "met-2026",
        "BraTS 2026 Metastases",
        POST_TREATMENT_LABELS,
        _ordered(METASTASIS_REGIONS, "ET RC TC WT"),
        _bundled("mets"),
        PLATFORM_2026,
        rules=_METS_2026,
    ),
    optional=("t2w",),  # since 2025 (data page of the task)
)
# score_panoptica.py: GaNDLF and panoptica with a configuration (syn68603937) that is not public, so that of 2026 stands
# in for it; NaN is 1 (Dice, NSD) and 0 (HD95), infinite HD95 is 374
_MET_2025: Final = replace(
    _MET_2026,
    name="met-2025",
    title="BraTS 2025 Metastases",
    penalty_mm=SRI24_MM,
    case_id=ID_2024,
    sources=("mlcommons/GaNDLF, problem type segmentation_brats", PLATFORM_2025, _bundled("mets")),
    instances=InstanceRules(empty_is_perfect=True),
)
# "seg" for PED and GoAT: global values, and counts of components of any size
_SEG_2026: Final = (
    _instances(
        "ped-2026",
        "BraTS 2026 Pediatrics",
        PAEDIATRIC_LABELS,
        _ordered(PAEDIATRIC_REGIONS, "ET NETC CC ED TC WT"),
        _bundled("ped"),
        PLATFORM_2026,
    ),
    _instances(
        "goat-2026", "BraTS 2026 GoAT", LABEL_NAMES, _ordered(REGIONS, "ET TC WT"), _bundled("GoAT"), PLATFORM_2026
    ),
)
# Bundled with the evaluator, but no task of 2026: score.py knows MET, PED and GoAT.
_UNSCORED_2026: Final = (
    _instances(
        "gli-2026",
        "BraTS Adult Glioma after treatment, evaluator of 2026",
        POST_TREATMENT_LABELS,
        _ordered(POST_TREATMENT_REGIONS, "SNFH ET NETC RC TC WT"),
        _bundled("gli"),
    ),
    _instances(
        "men-2026",
        "BraTS Meningioma, evaluator of 2026",
        LABEL_NAMES,
        _ordered(REGIONS, "ET TC WT"),
        _bundled("MenPre"),
    ),
    replace(
        _instances(
            "men-rt-2026",
            "BraTS Meningioma Radiotherapy, evaluator of 2026",
            RADIOTHERAPY_LABELS,
            RADIOTHERAPY_REGIONS,
            _bundled("MenRT"),
            case_id=ID_2024,  # 0.0.9; 0.0.8 finds no case of this challenge's names
        ),
        reference_end=r"[-_](?:seg|gtv)",
        modalities=("t1c",),
        separator="_",
    ),
)

EDITIONS: Final[Mapping[str, Edition]] = {
    entry.name: entry
    for entry in (
        *LESIONWISE.values(),
        *_GOAT_2024,
        *_GOAT_2025,
        _MET_2025,
        _MET_2026,
        *_SEG_2026,
        *_UNSCORED_2026,
    )
}
