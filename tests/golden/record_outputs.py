"""What the programs write for a few made submissions, so that no output changes unseen.

    python tests/golden/record_outputs.py FOLDER

Runs `bratseval score`, `evaluate`, `leaderboard add`, `leaderboard export` and `rank` in FOLDER as an organiser does,
and keeps there: for each edition of EDITIONS its scores.json, cases.csv, lesions.csv, summary.csv and results.yaml,
then export.json, export.csv and ranking.json; and flags.json, every option of both programs. Versions of packages and
the date of an entry are taken out, since they change without the project.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np

# One edition of each family, and one whose platform skips cases.
EDITIONS: Final = ("ssa-2023", "ssa-2025", "met-2026")
_PREFIX: Final = {"ssa-2023": "BraTS-SSA", "ssa-2025": "BraTS-SSA", "met-2026": "BraTS-MET"}
_SHAPE: Final = (240, 240, 155)
# [x0, x1, y0, y1, z0, z1, label], half open, in order: oedema around a core with an enhancing rim, and a satellite
_REFERENCE: Final = ((60, 84, 70, 96, 60, 80, 2), (66, 78, 76, 90, 64, 76, 3), (69, 75, 79, 87, 67, 73, 1),
                     (120, 126, 60, 66, 40, 46, 3))  # fmt: skip
_PREDICTIONS: Final = {
    "first": ((61, 85, 70, 95, 60, 80, 2), (66, 79, 77, 90, 64, 76, 3), (69, 74, 79, 87, 67, 73, 1)),
    "second": (*_REFERENCE[:3], (121, 126, 60, 66, 40, 46, 3), (30, 36, 120, 126, 90, 96, 3)),
}


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    work = folder / "work"
    work.mkdir()
    for edition in EDITIONS:
        _record_edition(work, folder, edition)
    _record_leaderboard(work, folder)
    _record_ranking(work, folder)
    _write(folder / "flags.json", {name: _flags(name) for name in ("bratseval", "bratseg")})
    shutil.rmtree(work)


def _record_edition(work: Path, folder: Path, edition: str) -> None:
    place = work / edition
    cases = [f"{_PREFIX[edition]}-0000{n}-000" for n in (1, 2)]
    for case in cases:
        _save(place / "references" / f"{case}-seg.nii.gz", _REFERENCE)
    for name, boxes in _PREDICTIONS.items():
        _save(place / name / f"{cases[0]}.nii.gz", boxes)  # of the second case there is no prediction
        places = (f"{edition}/{name}", f"{edition}/references")
        _run(work, "score", *places, "--edition", edition, "-o", f"{edition}/{name}-out", codes=(1,))
        line = ("--leaderboard", "board.db", "--name", f"{name}/{edition}")
        _run(work, "leaderboard", "add", f"{edition}/{name}-out/scores.json", *line)
    (place / "parameters.yaml").write_text(f"edition: {edition}\n")
    _run(work, "evaluate", "--predictions", f"{edition}/first", "--labels", f"{edition}/references",
         "--parameters_file", f"{edition}/parameters.yaml", "--output_path", f"{edition}/results.yaml")  # fmt: skip
    kept = folder / edition
    kept.mkdir()
    for file in ("cases.csv", "lesions.csv", "summary.csv"):
        shutil.copy(place / "first-out" / file, kept / file)
    scores = json.loads((place / "first-out" / "scores.json").read_text())
    _write(kept / "scores.json", {**scores, "versions": dict.fromkeys(scores["versions"], "")})
    shutil.copy(place / "results.yaml", kept / "results.yaml")


def _record_leaderboard(work: Path, folder: Path) -> None:
    for form in ("json", "csv"):
        _run(work, "leaderboard", "export", "--leaderboard", "board.db", "-o", f"export.{form}")
    shutil.copy(work / "export.csv", folder / "export.csv")
    exported = json.loads((work / "export.json").read_text())
    for table in exported["tables"]:
        table |= {"evaluator": "", "digest": ""}
    for entry in exported["entries"]:
        entry |= {"added": "", "digest": "", "versions": {}}
    _write(folder / "export.json", exported)


def _record_ranking(work: Path, folder: Path) -> None:
    _run(work, "rank", "--leaderboard", "board.db", "--permutations", "1000", "--samples", "100", "--seed", "7",
         "--json", "ranking.json")  # fmt: skip
    _write(folder / "ranking.json", _without_versions(json.loads((work / "ranking.json").read_text())))


def _without_versions(content: Any) -> Any:
    """The same without what names versions or depends on them."""
    if isinstance(content, dict):
        return {
            key: "" if key in ("evaluator", "digest") else _without_versions(value) for key, value in content.items()
        }
    if isinstance(content, list):
        return [_without_versions(value) for value in content]
    return content


def _save(path: Path, boxes: tuple[tuple[int, ...], ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = np.zeros(_SHAPE, np.uint8)
    for x0, x1, y0, y1, z0, z1, label in boxes:
        labels[x0:x1, y0:y1, z0:z1] = label
    affine = np.array([[-1.0, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]])
    nib.save(nib.Nifti1Image(labels, affine), path)


def _run(work: Path, *arguments: str, codes: tuple[int, ...] = (0,)) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bratseval.cli", *arguments], cwd=work, capture_output=True, text=True, check=False
    )
    if done.returncode not in codes:
        raise SystemExit(f"bratseval {' '.join(arguments)}: ended with {done.returncode}: {done.stderr}")


def _flags(program: str) -> dict[str, Any]:
    """Every option and positional argument of every command, with its choices, as argparse has them."""
    parsers: list[argparse.ArgumentParser] = []
    parse = argparse.ArgumentParser.parse_args

    def caught(self: argparse.ArgumentParser, *_: Any, **__: Any) -> Any:
        parsers.append(self)
        raise SystemExit(0)

    argparse.ArgumentParser.parse_args = caught  # type: ignore[method-assign,assignment]
    try:
        main_of = __import__(f"{program}.cli", fromlist=["main"]).main
        with contextlib.suppress(SystemExit):
            main_of(["--help"])
    finally:
        argparse.ArgumentParser.parse_args = parse  # type: ignore[method-assign]
    return _walk(parsers[0])


def _walk(parser: argparse.ArgumentParser) -> dict[str, Any]:
    found: dict[str, Any] = {"arguments": {}, "commands": {}}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found["commands"] = {name: _walk(below) for name, below in action.choices.items()}
            continue
        name = "/".join(action.option_strings) or action.dest
        found["arguments"][name] = sorted(map(str, action.choices)) if action.choices else []
    return found


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1) + os.linesep, encoding="utf-8")


if __name__ == "__main__":
    main()
