"""Each thing is done once in a run: an image hashed, a member.json parsed; and a step down is named everywhere."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from bratseg.inference.config import read_config
from bratseg.inference.load import load_ensemble
from bratseg.inference.out_of_fold import FoldEngine, predict_out_of_fold
from bratseg.inference.pipeline import Ensemble
from bratseg.inference.run import Settings, run_cases
from bratseg.models import description
from bratseg.weights.folder import DESCRIPTION, read_weights
from bratseval.files import case_images
from bratseval.files.cases import find_cases
from factories.campaign import make_weights
from factories.members import Bright

SETTINGS = Settings("made", "0" * 64, mirroring=False, tile_step=0.5, postprocess=True, device="cpu")


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Counter[Path]:
    """How often each image was hashed."""
    counts: Counter[Path] = Counter()
    digest = case_images.sha256_of_file
    monkeypatch.setattr(case_images, "sha256_of_file", lambda path: counts.update([path]) or digest(path))
    return counts


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Counter[Path]:
    """How often each member.json was parsed."""
    counts: Counter[Path] = Counter()
    parse = description.read_json
    monkeypatch.setattr(description, "read_json", lambda path: counts.update([path]) or parse(path))
    return counts


def test_an_image_is_hashed_once_in_a_run(
    tmp_path: Path, make_case: Callable[..., Path], hashed: Counter[Path]
) -> None:
    make_case("A")
    found = find_cases(tmp_path / "cases")
    (tmp_path / "out").mkdir()
    ensemble = Ensemble(((Bright(), 1.0),), None, 0.5)
    (result,) = run_cases(found, tmp_path / "out", ensemble, SETTINGS)
    assert result.state == "ok"
    assert hashed == Counter(found.cases[0].images.values())  # four files, each once


def test_a_description_is_parsed_once_in_a_run(tmp_path: Path, parsed: Counter[Path]) -> None:
    weights = tmp_path / "weights"
    make_weights(weights, ("one", "other"), 1)
    parsed.clear()
    with load_ensemble(weights, read_config(), "cpu") as (ensemble, _):
        assert len(ensemble.members) == 2
    assert parsed == Counter([weights / "one" / DESCRIPTION, weights / "other" / DESCRIPTION])


def test_an_out_of_fold_run_names_each_step_down_and_hashes_an_image_once(
    tmp_path: Path, make_case: Callable[..., Path], hashed: Counter[Path]
) -> None:
    make_case("A")
    make_weights(tmp_path / "weights", ("one",), 1)
    weights = read_weights(tmp_path / "weights")
    cases = find_cases(tmp_path / "cases").cases
    notes: list[str] = []
    done = predict_out_of_fold(
        weights,
        cases,
        {"A": 0},
        tmp_path / "out",
        FoldEngine(lambda _member, _fold: Bright(full=2), mirroring=False, tile_step=0.5),
        on_case=lambda member, case, note: notes.append(f"{member}: {case}: {note}"),
    )
    assert (done.predicted, done.failed) == (1, {})
    steps = "out of device memory: step 1; out of device memory: step 2"
    assert notes == [f"one: A: predicted with fold_0.safetensors; {steps}"]
    assert hashed == Counter(cases[0].images.values())
