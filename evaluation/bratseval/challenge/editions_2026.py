"""The editions whose components are matched one to one (MET 2025, 2026): a table, each number with its source.

Not in it, because unknown: the configuration by which the platform scored MET in 2025.
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
    POST_TREATMENT_REGIONS,
    RADIOTHERAPY_LABELS,
    RADIOTHERAPY_REGIONS,
    REGIONS,
)
from bratseval.challenge.rules import Challenge, Edition, OneToOneRules, RegionRules
from bratseval.challenge.sources import (
    ID_2024,
    ID_2026,
    METRICS_2026,
    PLATFORM_2025,
    PLATFORM_2026,
    SRI24_2026_MM,
    SRI24_MM,
)

_ANY_SIZE: Final = OneToOneRules()  # large and small lesions are not distinguished


def _edition_2026(
    challenge: Challenge,
    title: str,
    labels: Mapping[int, str],
    regions: Mapping[str, frozenset[int]],
    *sources: str,
    rules: OneToOneRules = _ANY_SIZE,
) -> Edition:
    return Edition(
        name=f"{challenge}-2026",
        challenge=challenge,
        year=2026,
        title=title,
        family="instances-2026",
        labels=labels,
        regions={region: RegionRules(labels_of) for region, labels_of in regions.items()},
        penalty_mm=SRI24_2026_MM,
        case_id=ID_2026,
        sources=sources,
        one_to_one=rules,
    )


def _ordered(regions: Mapping[str, frozenset[int]], names: str) -> Mapping[str, frozenset[int]]:
    """Regions in the order of a bundled configuration."""
    return {name: regions[name] for name in names.split()}


def _bundled(configuration: str) -> str:
    return f"{METRICS_2026}, bundled configuration {configuration}"


# score.py: mets --vol_threshold 27 --overlap_threshold 0.2 (the package's own defaults are 20 and 0.1)
_METS_2026: Final = OneToOneRules(vol_threshold_mm3=27.0, overlap_threshold=0.2)
_MET_2026: Final = replace(
    _edition_2026(
        "met",
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
    year=2025,
    title="BraTS 2025 Metastases",
    penalty_mm=SRI24_MM,
    case_id=ID_2024,
    sources=("mlcommons/GaNDLF, problem type segmentation_brats", PLATFORM_2025, _bundled("mets")),
    one_to_one=OneToOneRules(empty_is_perfect=True),
)
# "seg" for PED and GoAT: global values, and counts of components of any size
_SEG_2026: Final = (
    _edition_2026(
        "ped",
        "BraTS 2026 Pediatrics",
        PAEDIATRIC_LABELS,
        _ordered(PAEDIATRIC_REGIONS, "ET NETC CC ED TC WT"),
        _bundled("ped"),
        PLATFORM_2026,
    ),
    _edition_2026(
        "goat", "BraTS 2026 GoAT", LABEL_NAMES, _ordered(REGIONS, "ET TC WT"), _bundled("GoAT"), PLATFORM_2026
    ),
)
# Bundled with the evaluator, but no task of 2026: score.py knows MET, PED and GoAT.
_UNSCORED_2026: Final = (
    _edition_2026(
        "gli",
        "BraTS Adult Glioma after treatment, evaluator of 2026",
        POST_TREATMENT_LABELS,
        _ordered(POST_TREATMENT_REGIONS, "SNFH ET NETC RC TC WT"),
        _bundled("gli"),
    ),
    _edition_2026(
        "men",
        "BraTS Meningioma, evaluator of 2026",
        LABEL_NAMES,
        _ordered(REGIONS, "ET TC WT"),
        _bundled("MenPre"),
    ),
    replace(
        _edition_2026(
            "men-rt",
            "BraTS Meningioma Radiotherapy, evaluator of 2026",
            RADIOTHERAPY_LABELS,
            RADIOTHERAPY_REGIONS,
            _bundled("MenRT"),
        ),
        case_id=ID_2024,  # 0.0.9; 0.0.8 finds no case of this challenge's names
        reference_end=r"[-_](?:seg|gtv)",
        modalities=("t1c",),
        separator="_",
    ),
)

ONE_TO_ONE: Final[Mapping[str, Edition]] = {
    entry.name: entry for entry in (_MET_2025, _MET_2026, *_SEG_2026, *_UNSCORED_2026)
}
