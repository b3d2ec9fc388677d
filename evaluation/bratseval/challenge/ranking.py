"""How each edition ranks: metrics, scheme, missing values. What no organiser has stated says so in its source.

An edition that is not in the table has no stated ranking: met-2025-lesionwise, whose script the platform did not use,
and gli-2026, men-2026 and men-rt-2026, which were no tasks of 2026.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from bratseval.challenge.rules import RankingRules

# arXiv 1811.02629; 500,000 on the pages of 2026, which takes five times as long and gives the same
PERMUTATIONS: Final = 100_000

_LESIONWISE_DICE: Final = "LesionWise_Dice"
_LESIONWISE_HD95: Final = "LesionWise_Hausdorff95"

_README: Final = "brats-infra README, metrics for ranking: {}"
_CLASSIC: Final = "arXiv 1811.02629 (ranks by case; the tool of the organisers until 2025)"
_WORST: Final = "BraTS-Africa 2023 proposal (missing results have the worst value)"
_UNSTATED: Final = "not stated for this edition: {}"
_WORST_UNSTATED: Final = _UNSTATED.format(f"missing values as in {_WORST}")

_TWO_METRICS: Final = RankingRules(
    (_LESIONWISE_DICE, _LESIONWISE_HD95),
    "case-ranks",
    "worst",
    (_README.format("lesion-wise DSC, lesion-wise HD95 (2023, 2024)"), _CLASSIC, _WORST_UNSTATED),
)
# The one edition whose organisers have stated what a missing result counts.
_SSA_2023: Final = replace(_TWO_METRICS, sources=(*_TWO_METRICS.sources[:2], _WORST))
_MEN_2023: Final = RankingRules(
    (_LESIONWISE_DICE, _LESIONWISE_HD95),
    "mean-ranks",
    "worst",
    ("arXiv 2405.09787 (mean of six ranks)", _WORST_UNSTATED),
)
_DICE_ALONE: Final = RankingRules(
    (_LESIONWISE_DICE,), "case-ranks", "worst", (_README.format("lesion-wise DSC (2025)"), _CLASSIC, _WORST_UNSTATED)
)
_MET_PAGE: Final = "MET 2026 page, wiki 639602 (sum of ranks of the averages; no penalty where a metric is missing)"
_MET_2026: Final = RankingRules(
    ("lesionwise_dsc_mean", "lesionwise_nsd_mean", "small_instance_f1"),
    "rank-sum",
    "left-out",
    ("the twelve columns of the MET 2026 leaderboard", _MET_PAGE),
)
_MET_2025: Final = RankingRules(
    ("global_dsc",),
    "case-ranks",
    "worst",
    (_README.format("lesion-wise DSC (2025); the platform's columns of MET are global"), _CLASSIC, _WORST_UNSTATED),
)
_GOAT_2026: Final = RankingRules(
    ("global_dsc", "global_nsd_1mm"),
    "rank-sum",
    "worst",
    (
        "thread 14186, reply 36573 (global DSC, NSD at 1 mm, no HD95)",
        _UNSTATED.format(f"scheme as in {_MET_PAGE}"),
        _WORST_UNSTATED,
    ),
)
_PED_2026: Final = RankingRules(
    ("global_dsc", "global_nsd"),
    "rank-sum",
    "worst",
    (
        "PED 2026 page, wiki 639598 (DSC and NSD of six regions, lesion by lesion; the platform's columns are global)",
        _UNSTATED.format(f"scheme as in {_MET_PAGE}"),
        _WORST_UNSTATED,
    ),
)

_GOAT_COHORTS: Final = ("gli", "ssa", "ped", "men", "met")
RANKING: Final[Mapping[str, RankingRules]] = {
    **dict.fromkeys(("gli-2023", "ped-2023", "met-2023"), _TWO_METRICS),
    "ssa-2023": _SSA_2023,
    "men-2023": _MEN_2023,
    **dict.fromkeys(("gli-2024", "ssa-2024", "ped-2024", "met-2024", "men-rt-2024"), _TWO_METRICS),
    **{f"goat-2024-{cohort}": _TWO_METRICS for cohort in _GOAT_COHORTS},
    **dict.fromkeys(("gli-2025", "ssa-2025", "ped-2025", "men-2025", "men-rt-2025"), _DICE_ALONE),
    **{f"goat-2025-{cohort}": _DICE_ALONE for cohort in _GOAT_COHORTS},
    "met-2025": _MET_2025,
    "met-2026": _MET_2026,
    "ped-2026": _PED_2026,
    "goat-2026": _GOAT_2026,
}
