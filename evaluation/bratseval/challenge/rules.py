"""The types of an edition: how it names, checks, scores and ranks. The numbers are in `editions_*`."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, get_args

from bratseval.challenge.labels import MODALITIES, Modality

Challenge = Literal["gli", "ssa", "ped", "men", "men-rt", "met", "goat"]
# The official code that scores an edition; editions of different families are never comparable.
Family = Literal["lesionwise-2023", "lesionwise-2024", "instances-2026"]
Scheme = Literal["case-ranks", "mean-ranks", "rank-sum"]
Missing = Literal["worst", "left-out"]
Ties = Literal["average", "min", "max", "dense", "first"]
SCHEMES: Final[tuple[Scheme, ...]] = get_args(Scheme)
MISSING: Final[tuple[Missing, ...]] = get_args(Missing)
TIES: Final[tuple[Ties, ...]] = get_args(Ties)


@dataclass(frozen=True)
class RegionRules:
    """How an edition counts the lesions of one region.

    Attributes:
        labels: the integers of a segmentation that make the region.
        merge_steps: rounds of 18-neighbour dilation, one voxel each, after which parts
            that meet are one lesion, and within which a prediction finds the lesion.
        small_mm3: reference lesions of at most this volume are left out, found or not.
        in_between: a value between the smallest and the largest label counts too (2.9999).
        joined_through: regions of one label each; lesions of this one that touch one
            common lesion of the other are one lesion. One region after the other.
    """

    labels: frozenset[int]
    merge_steps: int = 0
    small_mm3: float = 0.0
    in_between: bool = False
    joined_through: tuple[str, ...] = ()


@dataclass(frozen=True)
class OneToOneRules:
    """How an edition scores components that are matched one to one, without dilation.

    Attributes:
        vol_threshold_mm3: lesions of at least this volume are large and scored one by one,
            smaller ones are only found or missed; None where an edition does not distinguish them.
        overlap_threshold: the Dice from which a lesion counts as found in the F1 of
            large and of small lesions; None likewise.
        empty_is_perfect: a region that both leave empty scores Dice and NSD 1 and HD95
            0; else NaN, which leaves it out of the mean.
    """

    vol_threshold_mm3: float | None = None
    overlap_threshold: float | None = None
    empty_is_perfect: bool = False


@dataclass(frozen=True)
class RequiredGrid:
    """The voxel grid that the platform requires of a prediction.

    Attributes:
        shape: voxels along (x, y, z).
        qform: (4, 4) rows; None: any is accepted.
    """

    shape: tuple[int, int, int]
    qform: tuple[tuple[float, float, float, float], ...] | None = None


@dataclass(frozen=True)
class RankingRules:
    """How an edition ranks its submissions.

    Attributes:
        metrics: the platform's names, without the region; each counts in every region.
        scheme: see `bratseval.ranking.schemes`.
        missing: what a value counts that a submission does not have.
        sources: of metrics, scheme and missing values.
    """

    metrics: tuple[str, ...]
    scheme: Scheme
    missing: Missing
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Edition:
    """One challenge in one year, and the numbers by which it scores.

    Attributes:
        name: "ssa-2023"; what `--edition` takes.
        challenge: "ssa"; year: 2023.
        title: the challenge's own name.
        family: whose code scores it.
        labels: the name of each integer of a segmentation.
        regions: the rules of each region, in the official order.
        penalty_mm: HD95 of a missed or spurious lesion, and of a missing prediction; the
            image's diagonal is counted in voxels, as the official code does.
        case_id: pattern of the part of a file's name that identifies the case.
        sources: where the numbers are from.
        unscored: regions that are not scored and only join lesions of others.
        filter_unit: predicted lesions of at most the region's `small_mm3` are deleted
            before scoring, counted in this unit; None keeps them all.
        nsd_tolerances_mm: distances at which NSD is given; none, none given.
        spurious_counted: spurious lesions enter the means.
        spacing_from: the prediction's header (pixdim), or its affine rounded to float32.
        required_grid: of a prediction, as the platform checks it; None checks no size.
        reference_end: pattern of what follows the case's id in a reference's name.
        modalities: those of a case; optional ones may be absent.
        separator: between a case's id and the modality in a file's name.
        one_to_one: the rules of the family of 2026; None in the other families.
        cohort: of GoAT's cases, where each cohort has rules of its own.
        ranking: how the organisers rank; None where nobody has stated it.
    """

    name: str
    challenge: Challenge
    year: int
    title: str
    family: Family
    labels: Mapping[int, str]
    regions: Mapping[str, RegionRules]
    penalty_mm: float | Literal["image diagonal"]
    case_id: str
    sources: tuple[str, ...]
    unscored: Mapping[str, RegionRules] = field(default_factory=dict)
    filter_unit: Literal["voxels", "mm3"] | None = None
    nsd_tolerances_mm: tuple[float, ...] = ()
    spurious_counted: bool = True
    spacing_from: Literal["header", "affine"] = "header"
    required_grid: RequiredGrid | None = None
    reference_end: str = "-seg"
    modalities: tuple[Modality, ...] = MODALITIES
    optional: tuple[Modality, ...] = ()
    separator: Literal["-", "_"] = "-"
    one_to_one: OneToOneRules | None = None
    cohort: str = ""
    ranking: RankingRules | None = None

    @property
    def needed(self) -> tuple[Modality, ...]:
        """The modalities that every case has."""
        return tuple(modality for modality in self.modalities if modality not in self.optional)

    def with_regions(self, regions: Collection[str]) -> "Edition":
        """The same edition with some of its regions alone, in its own order."""
        return replace(self, regions={name: rules for name, rules in self.regions.items() if name in regions})

    def penalty_for(self, shape: tuple[int, ...]) -> float:
        """The penalty in a volume of that shape (x, y, z), in mm."""
        if self.penalty_mm == "image diagonal":
            return math.sqrt(sum(side**2 for side in shape))
        return self.penalty_mm
