"""The editions that are scored lesion by lesion, 2023 to 2025: a table, each number with its source beside it."""

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
from bratseval.challenge.rules import Challenge, Edition, RegionRules
from bratseval.challenge.sources import (
    ANNOUNCED_2023,
    ID_2023,
    ID_2024,
    METRICS_2023,
    METRICS_2024,
    METRICS_2025,
    MNI,
    MNI_MM,
    PLATFORM_2024,
    PLATFORM_2025,
    SRI24,
    SRI24_ANYWHERE,
    SRI24_MM,
    TOLERANCES_2025,
)


def _edition_2023(challenge: Challenge, title: str, *, merge_steps: int, small_mm3: float) -> Edition:
    return Edition(
        name=f"{challenge}-2023",
        challenge=challenge,
        year=2023,
        title=title,
        family="lesionwise-2023",
        labels=LABEL_NAMES,
        regions={region: RegionRules(labels, merge_steps, small_mm3) for region, labels in REGIONS.items()},
        penalty_mm=SRI24_MM,
        case_id=ID_2023,
        sources=(METRICS_2023, ANNOUNCED_2023, PLATFORM_2024),
        required_grid=SRI24,
    )


def _edition_2024(
    challenge: Challenge, title: str, labels: Mapping[int, str], regions: Mapping[str, RegionRules], *, script: str
) -> Edition:
    return Edition(
        name=f"{challenge}-2024",
        challenge=challenge,
        year=2024,
        title=title,
        family="lesionwise-2024",
        labels=labels,
        regions=regions,
        penalty_mm=SRI24_MM,
        case_id=ID_2024,
        sources=(METRICS_2024.format(script), PLATFORM_2024),
        filter_unit="voxels",  # labels_to_remove in save_tmp_files; compared with <=
        spacing_from="affine",  # regions pass through files that are written with the affine alone
        required_grid=SRI24_ANYWHERE,
        reference_end=r"[-_](?:seg|gtv)",
    )


def _in_2025(entry: Edition, *, script: str) -> Edition:
    """The same challenge a year later: NSD beside the rest, and no size is checked any more."""
    return replace(
        entry,
        name=f"{entry.challenge}-2025",
        year=2025,
        title=entry.title.replace("2024", "2025"),
        sources=(METRICS_2025.format(script), PLATFORM_2025),
        nsd_tolerances_mm=TOLERANCES_2025,
        required_grid=None,
    )


def _rules(
    regions: Mapping[str, frozenset[int]], *, merge_steps: int, small_mm3: float, in_between: tuple[str, ...]
) -> dict[str, RegionRules]:
    return {
        region: RegionRules(labels, merge_steps, small_mm3, in_between=region in in_between)
        for region, labels in regions.items()
    }


def _joined(rules: dict[str, RegionRules], through: Mapping[str, tuple[str, ...]]) -> dict[str, RegionRules]:
    return {name: replace(entry, joined_through=through.get(name, ())) for name, entry in rules.items()}


def _through_necrosis(entry: Edition) -> Edition:
    """ET lesions that touch one component of NETC are one (combine_lesions_ET of SSA and MET)."""
    whole = entry.regions["WT"]
    necrosis = replace(whole, labels=frozenset({1}), in_between=False)
    regions = _joined(dict(entry.regions), {"ET": ("NETC",)})
    return replace(entry, regions=regions, unscored={"NETC": necrosis})


# Dilation, minimum volume: top of get_LesionWiseResults and save_tmp_files of each script.

# metrics_GLI.py: NETC and RC 5, the rest 3 (a typo, SFNH, keeps SNFH at 3); ET 10, the rest 20
_GLI: Final = _joined(
    _rules(POST_TREATMENT_REGIONS, merge_steps=3, small_mm3=20.0, in_between=("WT",))
    | _rules({"NETC": frozenset({1})}, merge_steps=5, small_mm3=20.0, in_between=())
    | _rules({"ET": frozenset({3})}, merge_steps=3, small_mm3=10.0, in_between=())
    | _rules({"RC": frozenset({4})}, merge_steps=5, small_mm3=20.0, in_between=()),
    # combine_lesions_{NETC,ET,RC,SNFH}, in this order
    {"NETC": ("ET", "RC"), "ET": ("NETC", "RC"), "RC": ("ET", "NETC"), "SNFH": ("ET", "RC", "NETC")},
)
_GLI_2024: Final = replace(
    _edition_2024("gli", "BraTS 2024 Adult Glioma Post Treatment", POST_TREATMENT_LABELS, _GLI, script="GLI"),
    penalty_mm=MNI_MM,
    required_grid=MNI,
)
_SSA_2024: Final = _through_necrosis(
    _edition_2024(
        "ssa",
        "BraTS 2024 Africa",
        LABEL_NAMES,
        _rules(REGIONS, merge_steps=3, small_mm3=50.0, in_between=("WT",)),
        script="SSA",
    )
)
_MET_RULES: Final = _rules(METASTASIS_REGIONS, merge_steps=1, small_mm3=2.0, in_between=("WT",))
_MET_2024: Final = _through_necrosis(
    _edition_2024(
        "met",
        "BraTS 2024 Metastases",
        LABEL_NAMES,
        {region: _MET_RULES[region] for region in REGIONS},
        script="MET",
    )
)
_MET_2025: Final = replace(
    _in_2025(_through_necrosis(replace(_MET_2024, regions=_MET_RULES)), script="MET"),
    name="met-2025-lesionwise",
    title="BraTS 2025 Metastases by the lesion-wise script, which the platform did not use",
    labels=POST_TREATMENT_LABELS,
    penalty_mm="image diagonal",  # hd_value in metrics_MET.py since 2025
)
_PED_2024: Final = _edition_2024(
    "ped",
    "BraTS 2024 Pediatrics",
    PAEDIATRIC_LABELS,
    _rules(PAEDIATRIC_REGIONS, merge_steps=5, small_mm3=10.0, in_between=("WT", "TC")),
    script="PED",
)
_MEN_RT_2024: Final = replace(
    _edition_2024(
        "men-rt",
        "BraTS 2024 Meningioma Radiotherapy",
        RADIOTHERAPY_LABELS,
        _rules(RADIOTHERAPY_REGIONS, merge_steps=1, small_mm3=50.0, in_between=()),
        script="MEN_RT",
    ),
    penalty_mm="image diagonal",
    filter_unit="mm3",
    spurious_counted=False,
    required_grid=None,
    modalities=("t1c",),
    separator="_",
)
# thread 10357: "MEN: 1x1x1mm dilation and minimum 50 voxels"
_MEN_2023: Final = _edition_2023("men", "BraTS 2023 Meningioma", merge_steps=1, small_mm3=50.0)

LESIONWISE: Final[Mapping[str, Edition]] = {
    entry.name: entry
    for entry in (
        # thread 10357: "GLI, SSA, PEDS: 3x3x3mm dilation and minimum 50 voxels"; metrics.py compares with <=, in mm3
        _edition_2023("gli", "BraTS 2023 Adult Glioma", merge_steps=3, small_mm3=50.0),
        _edition_2023("ssa", "BraTS 2023 Africa", merge_steps=3, small_mm3=50.0),
        # the labels of PED 2023 are those of GLI; they were renumbered in 2024
        _edition_2023("ped", "BraTS 2023 Pediatrics", merge_steps=3, small_mm3=50.0),
        _MEN_2023,
        # "MET: 1x1x1mm dilation and minimum 2 voxels"
        _edition_2023("met", "BraTS 2023 Metastases", merge_steps=1, small_mm3=2.0),
        _GLI_2024,
        _SSA_2024,
        _MET_2024,
        _PED_2024,
        _MEN_RT_2024,
        # with cases before and after treatment, by the script of the latter; a missing one has 337 too (score.py)
        replace(_in_2025(_GLI_2024, script="GLI"), title="BraTS 2025 Adult Glioma Pre and Post Treatment"),
        _in_2025(_SSA_2024, script="SSA"),
        _MET_2025,
        _in_2025(_PED_2024, script="PED"),
        _in_2025(_MEN_RT_2024, script="MEN_RT"),
        # metrics_MEN.py came in 2025 and counts as in 2023, with NSD
        replace(
            _in_2025(_MEN_2023, script="MEN"),
            title="BraTS 2025 Meningioma",
            case_id=ID_2024,
            reference_end=r"[-_](?:seg|gtv)",
        ),
    )
}
