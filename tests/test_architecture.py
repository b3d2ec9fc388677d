"""The task never imports the answer, torch stays behind its door, nothing is unpickled."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TASK = ROOT / "evaluation" / "bratseval"
ANSWER = ROOT / "src" / "bratseg"
HEAVY = {"torch", "nnunetv2", "monai", "dynamic_network_architectures", "safetensors"}
# The rooms that may import torch: networks and their engine, and training.
TORCH_ROOMS = (ANSWER / "models", ANSWER / "phantoms" / "training.py", ANSWER / "training", ANSWER / "trainers")
CONVERTER = ANSWER / "models" / "convert.py"


def sources() -> list[Path]:
    return sorted([*TASK.rglob("*.py"), *ANSWER.rglob("*.py")])


def imports(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def packages(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path.read_text("utf-8"))}


def may_use_torch(path: Path) -> bool:
    return any(path == room or room in path.parents for room in TORCH_ROOMS)


def unsafe(source: str) -> list[str]:
    """What could run a stranger's code, as written."""
    found = [
        name for name in imports(source) if name.split(".")[0] in ("pickle", "dill", "joblib", "shelve", "marshal")
    ]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "torch.load":
            found.append("torch.load")
        if isinstance(node, ast.keyword):
            told = f"{node.arg}={ast.unparse(node.value)}"
            found += [told] if told in ("allow_pickle=True", "weights_only=False", "shell=True") else []
        if isinstance(node, ast.Name) and node.id in ("eval", "exec"):
            found.append(node.id)
    return found


def test_there_are_sources_to_look_at() -> None:
    assert len(sources()) > 20


@pytest.mark.parametrize("path", sorted(TASK.rglob("*.py")), ids=lambda path: str(path.relative_to(TASK)))
def test_the_task_never_imports_the_answer(path: Path) -> None:
    assert packages(path).isdisjoint({"bratseg", *HEAVY})


@pytest.mark.parametrize("path", sorted(ANSWER.rglob("*.py")), ids=lambda path: str(path.relative_to(ANSWER)))
def test_torch_stays_behind_the_models_door(path: Path) -> None:
    assert may_use_torch(path) or packages(path).isdisjoint(HEAVY)


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.stem)
def test_nothing_is_unpickled_or_given_to_a_shell(path: Path) -> None:
    allowed = ["torch.load"] if path == CONVERTER else []
    assert [found for found in unsafe(path.read_text("utf-8")) if found not in allowed] == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "np.load(path, allow_pickle=True)",
        "torch.load(path, weights_only=False)",
        "subprocess.run(line, shell=True)",
        "eval(text)",
    ],
)
def test_what_would_be_unsafe_is_seen(source: str) -> None:
    assert unsafe(source)


def test_an_import_that_turns_the_arrow_round_is_seen() -> None:
    assert "bratseg.inference.pipeline" in list(imports("def f():\n    from bratseg.inference.pipeline import segment"))


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.stem)
def test_input_is_never_checked_with_assert(path: Path) -> None:
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(path.read_text("utf-8"))))


@pytest.mark.parametrize("module", ["bratseval.cli", "bratseg.cli"])
def test_a_command_line_answers_without_loading_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
