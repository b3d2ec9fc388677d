"""What has one place is done there alone: files put in place, digests, process pools."""

import ast
from pathlib import Path

import pytest

from factories.places import ROOT

FILES = ROOT / "evaluation" / "bratseval" / "files"
# what only one file may use, and which one
ONE_PLACE = {
    "hashlib": FILES / "sha256.py",
    "concurrent.futures": FILES.parent / "process_map.py",
    "multiprocessing": FILES.parent / "process_map.py",
    "os.fsync": FILES / "atomic.py",
    "os.getpid": FILES / "atomic.py",
}


def sources() -> list[Path]:
    return sorted(path for room in ("src", "evaluation") for path in (ROOT / room).rglob("*.py"))


def uses(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
        elif isinstance(node, ast.Attribute):
            found.add(ast.unparse(node))
    return found


@pytest.mark.parametrize("name", ONE_PLACE)
def test_one_file_alone_does_it(name: str) -> None:
    assert [path for path in sources() if name in uses(path)] == [ONE_PLACE[name]]
