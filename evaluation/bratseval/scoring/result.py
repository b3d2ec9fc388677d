"""What a case scored: the one type from scoring to tables, leaderboard, ranking and report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Outcome = Literal["detected", "missed", "spurious"]
ByRegion = Mapping[str, Mapping[str, float]]


class CaseStatus(StrEnum):
    """How a case ended: scored, or failed, which scores the worst values."""

    SCORED = "scored"
    FAILED = "failed"


@dataclass(frozen=True)
class Lesion:
    """One lesion of the reference, or one of the prediction that found none.

    Attributes:
        region: "WT", "TC", …
        number: lesions of the reference count from 1 in the official order; spurious ones go on from there.
        outcome: detected, missed or spurious.
        counted: False for what the edition leaves out of its means.
        volume_mm3: of the lesion, or of the spurious one.
        centroid_voxels: mean voxel indices along (x, y, z), in the whole volume.
        dice: against the union of the predicted components that touch the dilated lesion; 0 when missed or spurious.
        hd95_mm: of the same; the edition's penalty when missed or spurious.
        nsd_at_half_mm, nsd_at_1_mm: of the same; 0 when missed or spurious, NaN in editions without NSD.
        nsd: of the same, in the family of 2026; 0 when missed or spurious.
        centroid_mm: the centroid in mm, RAS+ by the reference's affine; None where only arrays were scored.
    """

    region: str
    number: int
    outcome: Outcome
    counted: bool
    volume_mm3: float
    centroid_voxels: tuple[float, float, float]
    dice: float
    hd95_mm: float
    nsd_at_half_mm: float = float("nan")
    nsd_at_1_mm: float = float("nan")
    nsd: float = float("nan")
    centroid_mm: tuple[float, float, float] | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class ScoredCase:
    """One scored case.

    Attributes:
        case: its id; empty where only arrays were scored.
        status: scored; or failed, then the values are the worst and `reason` says why.
        regions: for each region, in the official order, the official names and values; NaN where there is none.
        corrected: for each region, values under names of their own for those official
            numbers that are known to be wrong; empty where none is.
        evaluator: for each region, what the official evaluator says under its own names
            where the platform makes other columns of it (family "instances-2026").
        lesions: every lesion of every region.
        reason: why the case failed; empty where it did not.
        skipped_by_platform: why an official run leaves the case out of its mean; empty where it does not.
        warnings: what is unusual about the files but does not change the official score.
        files: sha256 of each file that was read, by its path.
        reference: the path in `files` that is the reference; empty when unknown.
    """

    case: str = ""
    status: CaseStatus = CaseStatus.SCORED
    regions: ByRegion = field(default_factory=dict)
    corrected: ByRegion = field(default_factory=dict)
    evaluator: ByRegion = field(default_factory=dict)
    lesions: tuple[Lesion, ...] = ()
    reason: str = ""
    skipped_by_platform: str = ""
    warnings: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    reference: str = ""

    @property
    def failed(self) -> bool:
        """Whether the prediction could not be used."""
        return self.status == CaseStatus.FAILED

    @property
    def reference_sha256(self) -> str:
        """Of the reference; empty when unknown."""
        return self.files.get(self.reference, "")
