"""The evaluate task of MLCube and MedPerf: a parameters file names the edition, a results file gets the scores.

Source: mlcommons/medperf examples/BraTS2023/segmentation_metrics (parameters.yaml: `challenge`,
one of BraTS-GLI, -SSA, -MEN, -PED, -MET; results.yaml); container_config.yaml of MedPerf 0.3.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import yaml

from bratseval.challenge import EDITIONS, Edition, edition
from bratseval.errors import InputError
from bratseval.files.atomic import write_text
from bratseval.scoring.result import ScoredCase

_KEYS: Final = ("challenge", "edition")
_MAX_BYTES: Final = 64 * 1024  # of a parameters file
_MAX_REASON: Final = 300  # characters of a parser's message
_SIMPLE: Final = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool"))


def read_parameters(path: Path) -> Edition:
    """The edition that a parameters file names.

    `edition: ssa-2024` says it all; `challenge: BraTS-SSA` needs the year, `edition: 2024`.

    Raises:
        InputError: the file says neither, contradicts itself, or holds other keys.
    """
    values = read_flat_yaml(path)
    unknown = [key for key in values if key not in _KEYS]
    if unknown:
        raise InputError(f"{path}: the key {unknown[0]} is unknown, expected {' and '.join(_KEYS)}. Leave it out.")
    challenge = values.get("challenge", "").removeprefix("BraTS-").lower()
    named = values.get("edition", "")
    if challenge and not named:
        years = [entry.name for entry in EDITIONS.values() if entry.challenge == challenge]
        raise InputError(
            f"{path}: names a challenge and no year, expected `edition:` with one of {', '.join(years or EDITIONS)}. "
            "Add the line."
        )
    if named.isdigit() and challenge:
        named = f"{challenge}-{named}"
    try:
        found = edition(named)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if challenge and found.challenge != challenge:
        raise InputError(f"{path}: names the challenge {values['challenge']} and the edition {found.name}. Keep one.")
    return found


def results_yaml(cases: Sequence[ScoredCase], edition: Edition, unknown: Sequence[str]) -> str:
    """The results file: official keys and values of each region, their means, and then each case's.

    Values that an edition leaves undefined are left out of the means, as on the platform.
    """
    content = {
        "edition": edition.name,
        "family": edition.family,
        "cases_scored": sum(not case.failed for case in cases),
        "cases_failed": {case.case: case.reason for case in cases if case.failed},
        "predictions_of_no_case": list(unknown),
        "mean": {region: _mean([case.regions[region] for case in cases]) for region in edition.regions},
        "cases": {case.case: _case(case) for case in cases},
    }
    return to_yaml(content)


def read_flat_yaml(path: Path) -> Mapping[str, str]:
    """The keys of a YAML file and their values as text: the file is one table without tables or lists inside.

    Raises:
        InputError: the file can't be read, is no YAML or anything but such a table, or has a key twice.
    """
    try:
        text = path.read_bytes()[:_MAX_BYTES].decode("utf-8")
        root = yaml.compose(text, yaml.SafeLoader)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). Check its path and permissions.") from None
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())[:_MAX_REASON]
        raise InputError(f"{path}: is not YAML, expected lines like `key: value`, got: {reason}. Correct it.") from None
    if root is not None and not isinstance(root, yaml.MappingNode):
        kind = "a list" if isinstance(root, yaml.SequenceNode) else "a text"
        raise InputError(f"{path}: is no table, expected lines like `key: value`, got {kind}. Correct it.")
    values: dict[str, str] = {}
    for key, value in root.value if root else ():
        line = f"{path}: line {key.start_mark.line + 1}"
        if key.tag not in _SIMPLE or value.tag not in _SIMPLE:
            raise InputError(f"{line}: is no pair of plain texts, expected `key: value`. Correct it.")
        if key.value in values:
            raise InputError(f"{line}: gives {key.value} once more, expected each key once. Keep one of them.")
        values[key.value] = value.value
    return values


def to_yaml(content: Mapping[str, object]) -> str:
    """Tables, lists, text, numbers, truth values and None as YAML that versions 1.1 and 1.2 read alike."""
    return yaml.dump(_plain(content), Dumper=_Dumper, sort_keys=False, width=math.inf)


def write_results(path: Path, text: str) -> None:
    """Write the results file: complete or not at all, or in place where it is there already.

    MedPerf mounts the file itself, empty, and a mount can't be replaced.

    Raises:
        OSError: the disk refuses.
    """
    if path.exists():
        path.write_text(text, encoding="utf-8")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)


def _case(case: ScoredCase) -> Mapping[str, object]:
    content: dict[str, object] = dict(case.regions)
    if case.corrected:
        content["corrected"] = case.corrected
    if case.warnings:
        content["warnings"] = list(case.warnings)
    return content


def _mean(values: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    means = {}
    for key in values[0]:
        column = np.array([row[key] for row in values])
        there = column[~np.isnan(column)]
        means[key] = float(there.mean()) if len(there) else float("nan")
    return means


class _Dumper(yaml.SafeDumper):
    """Lists stand deeper than their key, and every text in quotes, so that no reader takes `no` for a truth value."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - PyYAML's own
        super().increase_indent(flow, indentless=False)

    def represent_data(self, data: object) -> yaml.Node:
        if isinstance(data, str):
            return self.represent_scalar("tag:yaml.org,2002:str", data, style='"')
        return super().represent_data(data)


def _plain(content: object) -> object:
    """The same in types that PyYAML knows: dict, list, and Python's own numbers."""
    if isinstance(content, Mapping):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    if isinstance(content, float):  # NumPy's numbers too
        return float(content)
    return str(content) if isinstance(content, str) else content
