"""The image's entry point: every platform's way of calling it, as one `bratseg` command line.

Sources: Synapse wiki syn74274097/639582 (2025, 2026: no arguments, /input to /output);
MLCube 0.0.9 and the brats package 0.1.14 (`infer --data_path=... --output_path=...`, any
mount points); MedPerf 0.3.0 container_config.yaml (/mlcommons/volumes).
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final, Literal, NoReturn

BUNDLED_WEIGHTS: Final = "/opt/brats-harness/weights"
MEDPERF: Final = "/mlcommons/volumes"

Content = Literal["absent", "empty", "filled"]

# MLCube's names of what bratseg calls otherwise
_MLCUBE: Final[Mapping[str, str]] = {
    "--data_path": "-i",
    "--output_path": "-o",
    "--parameters_file": "--parameters",
    "--weights": "--weights",
    "--additional_files": "--weights",
}
_INPUTS: Final = ("-i", "--input")
_OUTPUTS: Final = ("-o", "--output")
_ANSWERS_ITSELF: Final = ("-h", "--help", "--version")


def main() -> int:
    """Run what the container was asked for; gives the exit code."""
    # The container's first process ignores a signal that has no handler, and importing torch takes seconds.
    signal.signal(signal.SIGTERM, _stop)
    from bratseg import cli

    return cli.main(translate(sys.argv[1:], content))


def translate(argv: Sequence[str], look: Callable[[str], Content]) -> list[str]:
    """The `bratseg` command line that a platform's arguments stand for.

    No input named: MedPerf's volumes where they are mounted, else /input and /output. No
    weights named, or an empty folder of them: the bundled ones. An empty parameters file
    (the brats package sends one to whoever asks for a file) is left out. Whatever belongs to
    `bratseg` itself goes through as it is.

    Args:
        argv: the container's arguments, without a program name.
        look: what lies at a path.
    """
    words = list(argv)
    if words and not words[0].startswith("-") and words[0] != "infer":
        return words
    if any(word in _ANSWERS_ITSELF for word in words):
        return words
    named = _rename(words[1:] if words[:1] == ["infer"] else words)
    if not any(_is(word, _INPUTS + _OUTPUTS) for word in named):
        named = [*_mounts(named, look), *named]
    return ["infer", *_resolve(named, look)]


def content(path: str) -> Content:
    """What lies at a path; hidden files do not fill a folder."""
    place = Path(path)
    if place.is_dir():
        return "filled" if any(not entry.name.startswith(".") for entry in place.iterdir()) else "empty"
    if place.is_file():
        return "filled" if place.stat().st_size else "empty"
    return "absent"


def _rename(words: Sequence[str]) -> list[str]:
    """Words with MLCube's `--name=value` and `--name value` under bratseg's names, a value always apart."""
    renamed = []
    for word in words:
        name, equals, value = word.partition("=")
        if name not in _MLCUBE:
            renamed.append(word)
            continue
        renamed.append(_MLCUBE[name])
        if name == "--data_path":
            renamed.insert(-1, "--mounted")
        if equals:
            renamed.append(value)
    return renamed


def _mounts(named: Sequence[str], look: Callable[[str], Content]) -> list[str]:
    if look(f"{MEDPERF}/data") == "absent":
        return ["--mounted", "-i", "/input", "-o", "/output"]
    found = ["--mounted", "-i", f"{MEDPERF}/data", "-o", f"{MEDPERF}/predictions"]
    for name, path in (
        ("--parameters", f"{MEDPERF}/parameters/parameters_file.yaml"),
        ("--weights", f"{MEDPERF}/additional_files"),
    ):
        if look(path) == "filled" and name not in named:
            found += [name, path]
    return found


def _resolve(named: Sequence[str], look: Callable[[str], Content]) -> list[str]:
    """Empty parameters left out, and the weights' folder found: itself, its sub-folder, or the bundled one."""
    words, weights = [], BUNDLED_WEIGHTS
    rest = iter(named)
    for word in rest:
        if word not in ("--parameters", "--weights"):
            words.append(word)
            continue
        value = next(rest, None)
        if value is None:  # the command line says what is missing
            words.append(word)
        elif word == "--parameters":
            words += [word, value] if look(value) != "empty" else []
        elif look(value) != "empty":
            inner = f"{value}/weights"
            weights = inner if look(f"{value}/manifest.toml") == "absent" and look(inner) == "filled" else value
    return [*words, "--weights", weights]


def _is(word: str, names: Sequence[str]) -> bool:
    return word.partition("=")[0] in names


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    os._exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
