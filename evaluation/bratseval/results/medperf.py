"""The evaluate task of MLCube and MedPerf: a parameters file says whose rules, a results file says what came out.

Source: mlcommons/medperf examples/BraTS2023/segmentation_metrics (parameters.yaml: `challenge`,
one of BraTS-GLI, -SSA, -MEN, -PED, -MET; results.yaml); container_config.yaml of MedPerf 0.3.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from bratseval.challenge import EDITIONS, Edition, edition
from bratseval.errors import InputError
from bratseval.files.yaml_text import read_flat_yaml, to_yaml
from bratseval.scoring.result import ScoredCase

_KEYS: Final = ("challenge", "edition")


def read_parameters(path: Path) -> Edition:
    """The edition that a parameters file names.

    `edition: ssa-2024` says it all; `challenge: BraTS-SSA` needs the year, `edition: 2024`.

    Raises:
        InputError: the file says neither, contradicts itself, or holds other keys.
    """
    values = read_flat_yaml(path)
    strange = [key for key in values if key not in _KEYS]
    if strange:
        raise InputError(f"{path}: the key {strange[0]} is unknown, expected {' and '.join(_KEYS)}. Leave it out.")
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
        rules = edition(named)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if challenge and rules.challenge != challenge:
        raise InputError(f"{path}: names the challenge {values['challenge']} and the edition {rules.name}. Keep one.")
    return rules


def results_yaml(cases: Sequence[ScoredCase], rules: Edition, unknown: Sequence[str]) -> str:
    """The results file: official keys and values of each region, their means, and then each case's.

    Values that an edition leaves undefined are left out of the means, as on the platform.
    """
    content = {
        "edition": rules.name,
        "family": rules.family,
        "cases_scored": sum(not case.failed for case in cases),
        "cases_failed": {case.case: case.reason for case in cases if case.failed},
        "predictions_of_no_case": list(unknown),
        "mean": {region: _mean([case.regions[region] for case in cases]) for region in rules.regions},
        "cases": {case.case: _case(case) for case in cases},
    }
    return to_yaml(content)


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
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


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
