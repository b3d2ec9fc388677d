"""The dry run of the whole method in its smallest form: it ends with weights that infer runs and scores."""

import csv

import pytest

from bratseg.cli.campaign_demo import table
from bratseg.demo.campaign import CampaignDemo, run_campaign_demo
from bratseg.demo.campaign_scores import ModelScore
from bratseg.demo.hospitals import FULL, SMALL
from bratseg.weights.folder import read_weights

slow = pytest.mark.slow  # small networks are pretrained and fine-tuned


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory, said: list[str]) -> CampaignDemo:
    return run_campaign_demo(tmp_path_factory.mktemp("demo"), SMALL, said.append)


@slow
def test_every_place_it_names_is_there(outcome: CampaignDemo) -> None:
    for path in outcome.places.values():
        assert path.exists(), path


@slow
def test_all_models_are_scored_on_cases_they_never_saw(outcome: CampaignDemo) -> None:
    assert [row.model for row in outcome.rows] == [
        "pretrained on GLI",
        "pretrained on GLI",
        "SSA from scratch",
        "GLI, fine-tuned on SSA",
    ]
    for row in outcome.rows:
        assert set(row.dice) == {"WT", "TC", "ET"}
        assert all(0 <= dice <= 1 for dice in row.dice.values())


@slow
def test_the_weights_hold_both_networks_with_all_folds(outcome: CampaignDemo) -> None:
    weights = read_weights(outcome.places["weights"])
    assert {entry.path.name: len(entry.description.folds) for entry in weights.members} == {
        "nnunet": SMALL.folds,
        "mednext": SMALL.folds,
    }


@slow
def test_the_test_cases_are_segmented_and_scored(outcome: CampaignDemo) -> None:
    assert len(list(outcome.places["segmentations"].glob("*.nii.gz"))) == SMALL.tests
    (table_of_cases,) = outcome.places["scores"].glob("cases*.csv")
    with table_of_cases.open(newline="") as file:
        assert len({row["scan_id"] for row in csv.DictReader(file)}) == SMALL.tests


@slow
def test_started_again_it_trains_nothing_twice(outcome: CampaignDemo, said: list[str]) -> None:
    root = outcome.places["cases"].parent
    before = {log: log.read_text("utf-8").count("== ") for log in root.glob("*/logs/*.log")}
    again = run_campaign_demo(root, SMALL, said.append)
    assert again.rows == outcome.rows
    assert {log: log.read_text("utf-8").count("== ") for log in root.glob("*/logs/*.log")} == before


def test_the_table_is_readable() -> None:
    row = ModelScore("GLI, fine-tuned on SSA", f"{FULL.finetune} SSA, out-of-fold", {"WT": 0.5, "TC": 0.25, "ET": 0.75})
    assert table((row,)) == [
        "model                   cases                       WT      TC      ET    mean",
        "GLI, fine-tuned on SSA  15 SSA, out-of-fold      0.500   0.250   0.750   0.500",
    ]
