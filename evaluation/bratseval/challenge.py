"""What BraTS calls things (modalities, labels, regions) and how each edition scores them.

A table and nothing else: no array is touched here, and each number has its source beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from bratseval.errors import InputError

Modality = Literal["t1n", "t1c", "t2w", "t2f"]
MODALITIES: Final[tuple[Modality, ...]] = get_args(Modality)

# Integers of a segmentation since 2023 (brats.md of every edition but PED, which renumbers them).
NCR: Final = 1  # necrotic core; NETC in the post-treatment editions
ED: Final = 2  # oedema; SNFH in the post-treatment editions
ET: Final = 3  # enhancing tumour
LABEL_NAMES: Final[Mapping[int, str]] = {NCR: "NCR", ED: "ED", ET: "ET"}

# Labels scored together.
REGIONS: Final[Mapping[str, frozenset[int]]] = {
    "WT": frozenset({NCR, ED, ET}),
    "TC": frozenset({NCR, ET}),
    "ET": frozenset({ET}),
}

# The official code that scores an edition; editions of different families are never comparable.
Family = Literal["lesionwise-2023", "instances-2026"]


@dataclass(frozen=True)
class RegionRules:
    """How an edition counts the lesions of one region.

    Attributes:
        labels: the integers of a segmentation that make the region.
        merge_steps: rounds of 18-neighbour dilation, one voxel each, after which parts
            that meet are one lesion, and within which a prediction finds the lesion.
        small_mm3: reference lesions of at most this volume are left out, found or not.
    """

    labels: frozenset[int]
    merge_steps: int
    small_mm3: float


@dataclass(frozen=True)
class Edition:
    """One challenge in one year, and the numbers by which it scores.

    Attributes:
        name: "ssa-2023"; what `--edition` takes.
        title: the challenge's own name.
        family: whose code scores it.
        regions: the rules of each region, in the official order.
        penalty_mm: HD95 of a missed or spurious lesion, and of a missing prediction.
        case_id: pattern of the part of a file's name that tells the case.
        sources: where the numbers are from.
        instances: the rules of the editions of family "instances-2026", None in the others.
    """

    name: str
    title: str
    family: Family
    regions: Mapping[str, RegionRules]
    penalty_mm: float
    case_id: str
    sources: tuple[str, ...]
    instances: "InstanceRules | None" = None


def edition(name: str) -> Edition:
    """The edition of that name.

    Raises:
        InputError: there is none; the message lists those there are.
    """
    if name not in EDITIONS:
        raise InputError(f"{name}: is no edition, expected one of {', '.join(EDITIONS)}. Check the spelling.")
    return EDITIONS[name]


_METRICS_2023: Final = "rachitsaluja/BraTS-2023-Metrics@43c9052 metrics.py"
_ANNOUNCED_2023: Final = "synapse.org syn51156910, thread 10357 (dilation and minimum volume of each challenge)"
_NAMES_2023: Final = "Sage-Bionetworks-Challenges/brats2023 validate.py (file names)"


def _edition_2023(name: str, title: str, *, merge_steps: int, small_mm3: float) -> Edition:
    return Edition(
        name=name,
        title=title,
        family="lesionwise-2023",
        regions={region: RegionRules(labels, merge_steps, small_mm3) for region, labels in REGIONS.items()},
        penalty_mm=374.0,  # ceil of sqrt(240^2 + 240^2 + 155^2) = 373.13, the diagonal of SRI24; thread 10357
        case_id=r"\d{5}-\d{3}",  # validate.py
        sources=(_METRICS_2023, _ANNOUNCED_2023, _NAMES_2023),
    )


# The editions scored by BraTS_evaluation, which matches components one to one (family "instances-2026").


@dataclass(frozen=True)
class InstanceRules:
    """What an edition makes of components that are matched one to one.

    Attributes:
        vol_threshold_mm3: lesions of at least this volume are large and scored one by one,
            smaller ones are only found or missed; None where an edition does not tell them apart.
        overlap_threshold: the Dice from which a lesion counts as found in the F1 of
            large and of small lesions; None likewise.
        empty_is_perfect: a region that both leave empty scores Dice and NSD 1 and HD95
            0; else NaN, which leaves it out of the mean.
    """

    vol_threshold_mm3: float | None = None
    overlap_threshold: float | None = None
    empty_is_perfect: bool = False


_EVALUATION_2026: Final = "PyPI BraTS_evaluation 0.0.8 on panoptica 2.1.7, bundled configuration {}"
_SCORED_2026: Final = "Sage-Bionetworks-Challenges/brats-infra@4d6b4b8 evaluation/segmentation/score.py"
_UNSCORED_2026: Final = "no task of 2026 was scored by it (score.py knows MET, PED and GoAT)"
_SCORED_2025: Final = (
    "Sage-Bionetworks-Challenges/brats-infra@3c04557 evaluation/gandlf/score_panoptica.py (empty regions, penalty)",
    "the panoptica configuration of 2025 was never published: that of BraTS_evaluation 0.0.8 stands in for it",
)
# Regions of the bundled configurations, in their order. RC, the resection cavity, is label 4.
_GOAT_2026: Final = {"ET": {3}, "TC": {1, 3}, "WT": {1, 2, 3}}
_METS_2026: Final = {"ET": {3}, "RC": {4}, "TC": {1, 3}, "WT": {1, 2, 3}}
_GLI_2026: Final = {"SNFH": {2}, "ET": {3}, "NETC": {1}, "RC": {4}, "TC": {1, 3}, "WT": {1, 2, 3}}
# PED has its own numbers since 2024: ET 1, NETC 2, CC (cyst) 3, ED 4
_PED_2026: Final = {"ET": {1}, "NETC": {2}, "CC": {3}, "ED": {4}, "TC": {1, 2, 3}, "WT": {1, 2, 3, 4}}
_MEN_RT_2026: Final = {"GTV": {1}}


def _edition_2026(
    name: str,
    title: str,
    regions: Mapping[str, set[int]],
    *sources: str,
    rules: InstanceRules = InstanceRules(),
    penalty_mm: float = 373.0,  # sqrt(240^2 + 240^2 + 155^2) = 373.13, the diagonal of SRI24, cut; 0.0.8
    case_id: str = r"\d{5}(?:-\d{3})?",  # 0.0.8, evaluation.py
) -> Edition:
    return Edition(
        name=name,
        title=title,
        family="instances-2026",
        # components are neither merged nor left out
        regions={region: RegionRules(frozenset(labels), 0, 0.0) for region, labels in regions.items()},
        penalty_mm=penalty_mm,
        case_id=case_id,
        sources=sources,
        instances=rules,
    )


def _editions_2026() -> tuple[Edition, ...]:
    unscored = _UNSCORED_2026
    # score.py: "--vol_threshold 27 --overlap_threshold 0.2" (the package's own defaults are 20 and 0.1)
    mets = InstanceRules(vol_threshold_mm3=27.0, overlap_threshold=0.2)
    return (
        _edition_2026(
            "met-2025",
            "BraTS 2025 Metastases",
            _METS_2026,
            *_SCORED_2025,
            rules=InstanceRules(empty_is_perfect=True),
            penalty_mm=374.0,  # score_panoptica.py, for infinite HD95 and for missing cases
            case_id=r"\d{4,5}-\d{1,3}",  # score_panoptica.py, --subject_id_pattern
        ),
        _edition_2026("met-2026", "BraTS 2026 Metastases", _METS_2026, _of("mets"), _SCORED_2026, rules=mets),
        _edition_2026("ped-2026", "BraTS 2026 Pediatrics", _PED_2026, _of("ped"), _SCORED_2026),
        _edition_2026("goat-2026", "BraTS 2026 Generalizability", _GOAT_2026, _of("GoAT"), _SCORED_2026),
        _edition_2026(
            "gli-2026", "BraTS Adult Glioma after treatment, evaluator of 2026", _GLI_2026, _of("gli"), unscored
        ),
        _edition_2026("men-2026", "BraTS Meningioma, evaluator of 2026", _GOAT_2026, _of("MenPre"), unscored),
        _edition_2026(
            "men-rt-2026",
            "BraTS Meningioma Radiotherapy, evaluator of 2026",
            _MEN_RT_2026,
            _of("MenRT"),
            unscored,
            case_id=r"\d{4}-\d{1,3}",  # 0.0.9; 0.0.8 finds no case of this challenge's names
        ),
    )


def _of(configuration: str) -> str:
    return _EVALUATION_2026.format(configuration)


EDITIONS: Final[Mapping[str, Edition]] = {
    entry.name: entry
    for entry in (
        # thread 10357: "GLI, SSA, PEDS: 3x3x3mm dilation and minimum 50 voxels"; metrics.py compares with <=, in mm3
        _edition_2023("gli-2023", "BraTS 2023 Adult Glioma", merge_steps=3, small_mm3=50.0),
        _edition_2023("ssa-2023", "BraTS 2023 Africa", merge_steps=3, small_mm3=50.0),
        # the labels of PED 2023 are those of GLI; they were renumbered in 2024
        _edition_2023("ped-2023", "BraTS 2023 Pediatrics", merge_steps=3, small_mm3=50.0),
        # "MEN: 1x1x1mm dilation and minimum 50 voxels"
        _edition_2023("men-2023", "BraTS 2023 Meningioma", merge_steps=1, small_mm3=50.0),
        # "MET: 1x1x1mm dilation and minimum 2 voxels"
        _edition_2023("met-2023", "BraTS 2023 Metastases", merge_steps=1, small_mm3=2.0),
        *_editions_2026(),
    )
}
