"""The task never imports the answer, torch stays behind its door, nothing is unpickled."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from factories.places import ROOT

TASK = ROOT / "evaluation" / "bratseval"
ANSWER = ROOT / "src" / "bratseg"
HEAVY = {"torch", "nnunetv2", "monai", "dynamic_network_architectures", "safetensors"}
# The rooms that may import torch: networks and their engine, the converter, and training.
TORCH_ROOMS = (
    ANSWER / "models",
    ANSWER / "weights" / "convert",
    ANSWER / "training",
    ANSWER / "demo" / "default_weights" / "training.py",
    ANSWER / "demo" / "default_weights" / "training_state.py",
)
CONVERTER = ANSWER / "weights" / "convert" / "restricted_reader.py"
# The rooms in the order in which data flows: a room imports only rooms before it.
ROOMS = {
    TASK: (
        "errors", "extras", "process_map", "challenge", "files", "submission", "metrics", "scoring", "results",
        "leaderboard", "ranking", "report", "api", "cli",
    ),
    ANSWER: (
        "models", "weights", "radiomics", "postprocess", "inference", "folds", "training", "tuning",
        "phantoms", "demo", "api", "cli", "entrypoint",
    ),
}  # fmt: skip


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


def room_of(module: str) -> str:
    """The room of a dotted module name: "bratseval.files.nifti" lies in "files"."""
    return module.split(".")[1] if "." in module else ""


def rooms_behind(source: str, package: Path, room: str) -> list[str]:
    """The imports of a file in `room` that point to a later room of its package, or to none that is known."""
    known = ROOMS[package]
    before = known[: known.index(room) + 1]
    own = [name for name in imports(source) if name.split(".")[0] == package.name and "." in name]
    return [name for name in own if room_of(name) not in before]


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


@pytest.mark.parametrize("package", ROOMS, ids=lambda path: path.name)
def test_every_room_has_a_place_in_the_order(package: Path) -> None:
    entries = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert entries - {"__init__"} == set(ROOMS[package])


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.stem)
def test_a_room_imports_only_rooms_before_it(path: Path) -> None:
    package = TASK if TASK in path.parents else ANSWER
    room = path.relative_to(package).parts[0].removesuffix(".py")
    assert room == "__init__" or rooms_behind(path.read_text("utf-8"), package, room) == []


def test_an_import_that_runs_back_up_is_seen() -> None:
    source = "from bratseval.files.nifti import VoxelGrid\nfrom bratseval.cli.progress import Progress"
    assert rooms_behind(source, TASK, "results") == ["bratseval.cli.progress"]
    assert rooms_behind("import bratseval.unheard_of", TASK, "cli") == ["bratseval.unheard_of"]


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
@pytest.mark.parametrize("arguments", [[], ["--help"]], ids=["import", "help"])
def test_a_command_line_starts_without_what_is_slow_to_load(module: str, arguments: list[str]) -> None:
    # numpy, 0.1 s, is the fastest of them; the whole start takes less
    code = f"import sys, atexit, {module}; atexit.register(lambda: print(*sys.modules, file=sys.stderr))"
    code += f"; {module}.main({arguments}) if {arguments} else None"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert module in loaded
    assert loaded.isdisjoint({"torch", "pandas", "matplotlib", "numpy", "scipy", "pydantic", "yaml", "jinja2"})
