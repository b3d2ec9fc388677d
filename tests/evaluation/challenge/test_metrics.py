"""The catalogue holds every value that any edition gives, and nothing else."""

import numpy as np
import pytest

from bratseval.challenge import EDITIONS
from bratseval.challenge.metrics import (
    METRICS,
    corrected_metrics,
    first_metric,
    metric_of_column,
    official_metrics,
    platform_names,
)
from bratseval.challenge.ranking import RANKING
from bratseval.scoring.case import score_case, worst_score
from factories.boxes import labels_of


@pytest.mark.parametrize("name", list(EDITIONS))
def test_an_edition_gives_the_values_of_its_catalogue(name: str) -> None:
    edition = EDITIONS[name]
    cube = labels_of((12, 12, 12), (2, 8, 2, 8, 2, 8, 1))
    scored = score_case(cube, cube, (1, 1, 1), edition)
    official = {metric.key for metric in official_metrics(edition)}
    corrected = {metric.key for metric in corrected_metrics(edition)}
    assert {frozenset(values) for values in scored.regions.values()} == {frozenset(official)}
    assert {frozenset(values) for values in scored.corrected.values()} <= {frozenset(corrected)}
    assert bool(scored.corrected) == bool(corrected)


def test_keys_are_unique_and_columns_are_found() -> None:
    metrics = METRICS.values()
    assert len({metric.column for metric in metrics}) == len(METRICS)
    assert metric_of_column("Hausdorff95", EDITIONS["ssa-2024"]) == METRICS["Legacy_HD95"]
    assert metric_of_column("NSD_1.0", EDITIONS["ssa-2024"]) is None  # NSD came in 2025
    assert platform_names(EDITIONS["ssa-2025"])["Legacy NSD @ 1.0"] == "NSD_1.0"


@pytest.mark.parametrize(
    ("key", "unit", "larger_is_better"),
    [
        ("LesionWise_Score_Dice", "", True),
        ("Legacy_HD95", "mm", False),
        ("global_hd95", "voxels", False),
        ("lesionwise_hd95_std", "mm", None),
        ("lesionwise_dsc_std", "", None),
        ("GT_Complete_Volume", "mm³", None),
        ("Num_FP", "lesions", None),
    ],
)
def test_units_and_directions(key: str, unit: str, larger_is_better: bool | None) -> None:
    assert (METRICS[key].unit, METRICS[key].larger_is_better) == (unit, larger_is_better)


@pytest.mark.parametrize("name", ["ssa-2023", "ssa-2025", "met-2026"])
def test_a_case_without_a_prediction_has_the_worst_of_each_value(name: str) -> None:
    edition = EDITIONS[name]
    reference = labels_of((12, 12, 12), (2, 8, 2, 8, 2, 8, 3))
    missed = score_case(np.zeros_like(reference), reference, (1, 1, 1), edition).regions["ET"]
    worst = {"zero": 0.0, "penalty": edition.penalty_for(reference.shape)}
    expected = {key: worst.get(METRICS[key].worst, value) for key, value in missed.items()}
    assert worst_score(reference, (1, 1, 1), edition).regions["ET"] == expected


def test_every_edition_with_a_ranking_is_an_edition_and_knows_its_challenge_and_year() -> None:
    assert set(RANKING) <= set(EDITIONS)
    for name, edition in EDITIONS.items():
        assert name.startswith(f"{edition.challenge}-{edition.year}")
        assert edition.ranking is RANKING.get(name)


def test_what_a_missing_value_counts_is_no_other_edition_s_statement() -> None:
    # the proposal is of BraTS-Africa 2023: no other edition may give it as a statement of its own organisers
    stated = {
        name for name, rules in RANKING.items() if any(text.startswith("BraTS-Africa 2023") for text in rules.sources)
    }
    assert stated == {"ssa-2023"}
    assert {name for name, rules in RANKING.items() if rules.missing == "left-out"} == {"met-2026"}


@pytest.mark.parametrize(
    ("name", "dice", "hd95"),
    [
        ("ssa-2023", "Lesion-wise Dice", "Lesion-wise HD95 in mm"),
        ("met-2026", "Lesion-wise Dice", "Lesion-wise HD95 in mm"),
        ("ped-2026", "Dice", "HD95 in voxels"),
        ("met-2025", "Dice", "HD95 in voxels"),
    ],
)
def test_the_report_shows_lesion_wise_values_where_an_edition_has_them(name: str, dice: str, hd95: str) -> None:
    assert tuple(first_metric(EDITIONS[name], kind).heading for kind in ("dice", "hd95")) == (dice, hd95)
