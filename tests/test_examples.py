"""The examples in docstrings do what they show."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

from factories.places import ROOT

SOURCES = (ROOT / "evaluation", ROOT / "src")


def modules_with_examples() -> list[str]:
    """Dotted names of the modules of both packages whose text holds a prompt."""
    found = []
    for source in SOURCES:
        for path in sorted(source.rglob("*.py")):
            if ">>> " in path.read_text("utf-8"):
                parts = path.relative_to(source).with_suffix("").parts
                found.append(".".join(part for part in parts if part != "__init__"))
    return found


@pytest.mark.parametrize("name", modules_with_examples())
def test_they_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0
    assert result.failed == 0
