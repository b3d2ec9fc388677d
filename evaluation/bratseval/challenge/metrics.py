"""The catalogue of metrics: what each value of an official script is called, measured in, and which way it is good.

Nobody reads a meaning out of a name; who needs one looks here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from bratseval.challenge.rules import Edition

Kind = Literal["dice", "nsd", "hd95", "f1", "sensitivity", "specificity", "count", "volume", "deviation"]
Worst = Literal["zero", "penalty", "kept"]


@dataclass(frozen=True)
class Metric:
    """One value of a region.

    Attributes:
        key: the official script's name of the value.
        column: the platform's name of it, without the region.
        title: its name for people, without the unit.
        kind: what is measured.
        worst: what it is in a case without a usable prediction: 0, the edition's penalty, or as counted.
        tolerance_mm: of a surface Dice (NSD) where editions differ in it.
        own_unit: where it is not the usual one of its kind.
    """

    key: str
    column: str
    title: str
    kind: Kind
    worst: Worst = "zero"
    tolerance_mm: float | None = None
    own_unit: str = ""

    @property
    def unit(self) -> str:
        """mm, voxels, mm³, lesions, or nothing for a fraction."""
        return self.own_unit or _UNITS.get(self.kind, "mm" if self.worst == "penalty" else "")

    @property
    def heading(self) -> str:
        """The title with the unit of what is measured in one; counts and fractions have none to show."""
        return self.title if self.unit in ("", "lesions") else f"{self.title} in {self.unit}"

    @property
    def larger_is_better(self) -> bool | None:
        """False where smaller values are better; None where neither are: counts, volumes, deviations."""
        return _LARGER_IS_BETTER.get(self.kind)


_UNITS: Final[Mapping[Kind, str]] = {"hd95": "mm", "volume": "mm³", "count": "lesions"}
_LARGER_IS_BETTER: Final[Mapping[Kind, bool]] = {
    **dict.fromkeys(("dice", "nsd", "f1", "sensitivity", "specificity"), True),
    "hd95": False,
}

# 2023 to 2025: keys of get_LesionWiseResults in metrics*.py; columns of the platform's all_scores.csv and
# all_full_scores.csv, in their order.
_LESIONWISE: Final = (
    Metric("LesionWise_Score_Dice", "LesionWise_Dice", "Lesion-wise Dice", "dice"),
    Metric("LesionWise_Score_NSD @ 0.5", "LesionWise_NSD_0.5", "Lesion-wise NSD at 0.5 mm", "nsd", tolerance_mm=0.5),
    Metric("LesionWise_Score_NSD @ 1.0", "LesionWise_NSD_1.0", "Lesion-wise NSD at 1 mm", "nsd", tolerance_mm=1.0),
    Metric("LesionWise_Score_HD95", "LesionWise_Hausdorff95", "Lesion-wise HD95", "hd95", "penalty"),
    Metric("Num_TP", "Num_TP", "Detected lesions", "count", "kept"),
    Metric("Num_FP", "Num_FP", "Spurious lesions", "count", "kept"),
    Metric("Num_FN", "Num_FN", "Missed lesions", "count", "kept"),
    Metric("Legacy_Dice", "Dice", "Dice", "dice"),
    Metric("Legacy NSD @ 0.5", "NSD_0.5", "NSD at 0.5 mm", "nsd", tolerance_mm=0.5),
    Metric("Legacy NSD @ 1.0", "NSD_1.0", "NSD at 1 mm", "nsd", tolerance_mm=1.0),
    Metric("Legacy_HD95", "Hausdorff95", "HD95", "hd95", "penalty"),
    Metric("Sensitivity", "Sensitivity", "Sensitivity", "sensitivity"),
    Metric("Specificity", "Specificity", "Specificity", "specificity"),
    Metric("GT_Complete_Volume", "GT_Complete_Volume", "Volume of the reference", "volume", "kept"),
)
# Of whole regions in 2024 and 2025, what the Legacy values mean to be (scoring/rules_2024.py).
_WHOLE: Final = (
    Metric("Whole_Dice", "Whole_Dice", "Dice of the whole region", "dice"),
    Metric("Whole_HD95", "Whole_HD95", "HD95 of the whole region", "hd95", "penalty"),
    Metric("Whole_Sensitivity", "Whole_Sensitivity", "Sensitivity of the whole region", "sensitivity"),
    Metric("Whole_Specificity", "Whole_Specificity", "Specificity of the whole region", "specificity"),
    Metric("Whole_NSD_0.5", "Whole_NSD_0.5", "NSD of the whole region at 0.5 mm", "nsd", tolerance_mm=0.5),
    Metric("Whole_NSD_1.0", "Whole_NSD_1.0", "NSD of the whole region at 1 mm", "nsd", tolerance_mm=1.0),
)


def _same(key: str, title: str, kind: Kind, worst: Worst = "zero") -> Metric:
    """A metric whose column is called as its key: brats-infra score.py takes the evaluator's names."""
    return Metric(key, key, title, kind, worst)


# MET 2025 and 2026: names of BraTS_evaluation's `brats-parse-metrics`, `seg` and, below, `mets`. Officially (0.0.8)
# every value of a missing case is 0 but the distances and their deviations, which are the penalty.
_COUNTS: Final = (
    _same("all_instance_tp", "Detected lesions", "count"),
    _same("all_instance_fp", "Spurious lesions", "count"),
    _same("all_instance_fn", "Missed lesions", "count"),
    _same("all_instance_f1", "F1 of lesions", "f1"),
)
_GLOBAL: Final = (
    _same("global_dsc", "Dice", "dice"),
    _same("global_nsd", "NSD", "nsd"),
    Metric("global_hd95", "global_hd95", "HD95", "hd95", "penalty", own_unit="voxels"),
)
_METS: Final = (
    _same("large_instance_tp", "Detected large lesions", "count"),
    _same("large_instance_fp", "Spurious lesions, of any size", "count"),
    _same("large_instance_fn", "Missed large lesions", "count"),
    _same("large_instance_f1", "F1 of large lesions", "f1"),
    _same("lesionwise_dsc_mean", "Lesion-wise Dice", "dice"),
    _same("lesionwise_dsc_std", "Deviation of lesion-wise Dice", "deviation"),
    _same("lesionwise_hd95_mean", "Lesion-wise HD95", "hd95", "penalty"),
    _same("lesionwise_hd95_std", "Deviation of lesion-wise HD95", "deviation", "penalty"),
    _same("lesionwise_nsd_mean", "Lesion-wise NSD", "nsd"),
    _same("lesionwise_nsd_std", "Deviation of lesion-wise NSD", "deviation"),
    _same("small_instance_tp", "Detected small lesions", "count"),
    _same("small_instance_fn", "Missed small lesions", "count"),
    _same("small_instance_fp", "Spurious lesions, beside small ones", "count"),
    _same("small_instance_f1", "F1 of small lesions", "f1"),
)
# Corrected: the official whole masks are measured in voxels, the official lesions with the voxel edges of x and z
# exchanged (scoring/rules_2026.py).
_GLOBAL_MM: Final = (
    _same("global_hd95_mm", "HD95", "hd95", "penalty"),
    _same("global_nsd_1mm", "NSD at 1 mm", "nsd"),
)
_METS_XYZ: Final = (
    _same("lesionwise_hd95_mean_xyz", "Lesion-wise HD95, axes corrected", "hd95", "penalty"),
    _same("lesionwise_nsd_mean_xyz", "Lesion-wise NSD, axes corrected", "nsd"),
)

METRICS: Final[Mapping[str, Metric]] = {
    metric.key: metric for metric in (*_LESIONWISE, *_WHOLE, *_COUNTS, *_METS, *_GLOBAL, *_GLOBAL_MM, *_METS_XYZ)
}


def official_metrics(edition: Edition) -> tuple[Metric, ...]:
    """The values of an edition's official script, in the order of the platform's tables."""
    if edition.family != "instances-2026":
        return _at_tolerances(_LESIONWISE, edition)
    if edition.one_to_one is None or edition.one_to_one.vol_threshold_mm3 is None:
        return (*_COUNTS, *_GLOBAL)
    return (*_COUNTS, *_METS, *_GLOBAL)  # in the order of the platform's CSV; what `mets` does not write stands last


def platform_names(edition: Edition) -> Mapping[str, str]:
    """The platform's column name of each official value of an edition, by key, in the order of its tables."""
    return {metric.key: metric.column for metric in official_metrics(edition)}


def corrected_metrics(edition: Edition) -> tuple[Metric, ...]:
    """The values that stand beside official ones known to be wrong; none in the family of 2023."""
    if edition.family == "lesionwise-2024":
        return _at_tolerances(_WHOLE, edition)
    if edition.family != "instances-2026":
        return ()
    by_size = edition.one_to_one is not None and edition.one_to_one.vol_threshold_mm3 is not None
    return (*_GLOBAL_MM, *_METS_XYZ) if by_size else _GLOBAL_MM


def first_metric(edition: Edition, kind: Kind) -> Metric:
    """The first official metric of a kind: lesion-wise where an edition has that, else of the whole region."""
    return next(metric for metric in official_metrics(edition) if metric.kind == kind)


def metric_of_column(column: str, edition: Edition) -> Metric | None:
    """The metric of an edition that has this column, without the region; None where there is none."""
    metrics = (*official_metrics(edition), *corrected_metrics(edition))
    return next((metric for metric in metrics if metric.column == column), None)


def _at_tolerances(metrics: tuple[Metric, ...], edition: Edition) -> tuple[Metric, ...]:
    return tuple(metric for metric in metrics if metric.tolerance_mm in (None, *edition.nsd_tolerances_mm))
