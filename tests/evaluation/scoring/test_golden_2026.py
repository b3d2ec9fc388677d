"""Every number that BraTS_evaluation 0.0.8 gave of small made volumes, equal to the last bit.

Origin: golden/brats_evaluation_2026.json names versions and commands; golden/record_2026.py
made the volumes and ran them. Ledger of changes: none.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bratseval.challenge import Edition, OneToOneRules, edition
from bratseval.challenge.metrics import platform_names
from bratseval.results.summary import columns, summary
from bratseval.scoring.case import score_case, worst_score
from bratseval.scoring.result import CaseStatus, ScoredCase
from bratseval.scoring.skipped_by_platform import skip_reason
from factories.pairs import EDITION_OF, grid_of_side, recorded, spacing_of, volume_of

RECORDED = recorded()
CASES: list[dict[str, Any]] = RECORDED["cases"]
SCORED = [case for case in CASES if not case["refused"] and not case.get("missing")]


def edition_of(config: str) -> Edition:
    """The edition, with the values of `mets` besides, which the official command gives for any configuration."""
    return replace(edition(EDITION_OF[config]), one_to_one=OneToOneRules(27.0, 0.2))


def score(case: dict[str, Any]) -> ScoredCase:
    sides = (volume_of(case, side) for side in ("prediction", "reference"))
    return score_case(*sides, spacing_of(case), edition_of(case["config"]))


def equal(got: float, official: float | None) -> bool:
    return math.isnan(got) if official is None else got == official


def test_the_record_holds_what_it_should() -> None:
    assert RECORDED["origin"]["versions"]["BraTS_evaluation"] == "0.0.8"
    assert {case["config"] for case in SCORED} == set(EDITION_OF)


@pytest.mark.parametrize("config", EDITION_OF)
def test_every_official_number_of_every_case(config: str) -> None:
    checked = 0
    for case in (case for case in SCORED if case["config"] == config):
        regions = score(case).regions
        for command in ("seg", "mets"):
            for column, value in case[command].items():
                name, region = column.rsplit("_", 1)
                got = regions[region.upper()][name]
                assert equal(got, value), f"{case['name']} {column}: {got!r}, official {value!r}"
                checked += 1
    # each region has 7 columns of `seg` and 18 of `mets`
    regions_of = len(edition_of(config).regions)
    assert checked == sum(case["config"] == config for case in SCORED) * regions_of * (7 + 18) > 0


@pytest.mark.parametrize("config", EDITION_OF)
def test_every_number_of_the_evaluator_itself(config: str) -> None:
    for case in (case for case in SCORED if case["config"] == config):
        said = {region.lower(): values for region, values in score(case).evaluator.items()}
        assert said.keys() == case["evaluator"].keys()
        for region, values in case["evaluator"].items():
            got = {name: repr(value) for name, value in said[region].items()}
            assert list(got.items()) == list(values.items()), f"{case['name']} {region}"


@pytest.mark.parametrize("config", EDITION_OF)
def test_every_official_number_below_the_tables(config: str) -> None:
    rules = edition(EDITION_OF[config])
    cases = [ended(case, rules) for case in CASES if case["config"] == config]
    rows, names = summary(cases, rules), columns(cases, rules)
    checked = 0
    for command in ("seg", "mets"):
        for row, official in RECORDED["summaries"][config][command].items():
            for name, got in zip(names, rows[f"official_{row}"], strict=True):
                if name in official:
                    assert equal(got, official[name]), f"{row} {name}: {got!r}, official {official[name]!r}"
                    checked += 1
    # three rows of all that the edition has; the four counts of all instances stand in both tables
    assert checked == 3 * len(rules.regions) * (len(platform_names(rules)) + 4)


def ended(case: dict[str, Any], rules: Edition) -> ScoredCase:
    """The case as the front end has it."""
    if case.get("missing"):
        reference = volume_of(case, "reference")
        return replace(worst_score(reference, spacing_of(case), rules), case=case["name"], status=CaseStatus.FAILED)
    if case["refused"]:
        worst = worst_score(np.zeros(case["shape"], np.uint8), spacing_of(case), rules)
        return replace(worst, case=case["name"], status=CaseStatus.FAILED, skipped_by_platform="as recorded")
    sides = (volume_of(case, side) for side in ("prediction", "reference"))
    return replace(score_case(*sides, spacing_of(case), rules), case=case["name"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['config']}-{case['name']}")
def test_a_case_is_refused_when_and_only_when_the_official_run_refused_it(case: dict[str, Any]) -> None:
    volumes = (volume_of(case, side) for side in ("prediction", "reference"))
    grids = (grid_of_side(case, "prediction"), grid_of_side(case, "reference"))
    assert (skip_reason(*volumes, grids, edition_of(case["config"])) is not None) == case["refused"]
