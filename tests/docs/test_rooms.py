"""The drawing of the rooms is what the imports say, and shows the order that test_architecture holds."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from factories.places import ROOT, TESTS


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def drawing() -> ModuleType:
    return load(ROOT / "docs" / "draw_rooms.py")


def test_the_drawing_is_up_to_date(drawing: ModuleType) -> None:
    assert drawing.main(["--check"]) == 0, "run `python docs/draw_rooms.py`"


def test_an_old_drawing_is_seen(drawing: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "ROOT", tmp_path)
    monkeypatch.setattr(drawing, "DRAWING", tmp_path / "rooms.svg")
    assert drawing.main(["--check"]) == 1
    assert drawing.main([]) == 0
    assert drawing.main(["--check"]) == 0


def test_the_rooms_are_drawn_in_their_order(drawing: ModuleType) -> None:
    order = load(TESTS / "test_architecture.py").ROOMS
    for package, rooms in order.items():
        beside = {path.stem for path in package.glob("*.py")} - {"api", "entrypoint"}  # errors, extras, process_map
        assert list(drawing.ROOMS[package.name]) == [room for room in rooms if room not in beside]


def test_every_arrow_points_up(drawing: ModuleType) -> None:
    for package, rooms in drawing.ROOMS.items():
        order = list(rooms)
        assert [arrow for arrow in drawing.arrows(package) if order.index(arrow[1]) >= order.index(arrow[0])] == []
        assert drawing.arrows(package)
