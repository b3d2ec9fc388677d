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
Family = Literal["lesionwise-2023"]


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
    """

    name: str
    title: str
    family: Family
    regions: Mapping[str, RegionRules]
    penalty_mm: float
    case_id: str
    sources: tuple[str, ...]


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
    )
}
