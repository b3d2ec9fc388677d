"""Which cases each fold trains on, written where upstream reads it."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bratseg.training.campaign import Campaign, Domain
from bratseg.training.layout import Layout
from bratseg.training.records import write_json
from bratseval.errors import InputError
from bratseval.files.json_fields import read_json


def place_splits(campaign: Campaign, layout: Layout, domain: Domain) -> None:
    """Check a domain's splits against its cases and folds, and write upstream's splits_final.json.

    Raises:
        InputError: the splits do not fit.
    """
    source = campaign.splits.get(domain) or _made(campaign, layout, domain)
    splits = read_json(source)
    cases = sorted(json.loads(layout.cases(domain).read_text("utf-8")))
    check_splits(splits, cases, campaign.schedules[domain].folds, source)
    write_json(layout.splits(domain), splits)


def _made(campaign: Campaign, layout: Layout, domain: Domain) -> Path:
    """Make splits, tables and plots with `bratseg folds` in the campaign's folder."""
    folder = layout.folder / "folds" / domain
    count = str(max(2, *(int(fold) + 1 for fold in campaign.schedules[domain].folds)))
    command = [sys.executable, "-m", "bratseg.cli", "folds", str(campaign.data[domain]), "-o", str(folder)]
    command += ["--folds", count, "--seed", str(campaign.seed), "--jobs", str(campaign.processes)]
    if subprocess.run(command, check=False).returncode:  # noqa: S603 - our own command, a list, no shell
        raise InputError(f"{campaign.data[domain]}: no folds were made. See above, or name splits in the file.")
    return folder / "splits_final.json"


def check_splits(splits: object, cases: Sequence[str], folds: Sequence[str], source: Path) -> None:
    """Check that splits have upstream's form and fit a dataset and the folds that are trained.

    Raises:
        InputError: they do not: another form, a case in both parts of a fold, in none or unknown, a missing fold.
    """
    if not isinstance(splits, list) or not all(
        isinstance(fold, dict) and set(fold) == {"train", "val"} for fold in splits
    ):
        raise InputError(f"{source}: is no list of train and val, expected nnU-Net's splits. See `bratseg folds`.")
    missing = [fold for fold in folds if int(fold) >= len(splits)]
    if missing:
        raise InputError(
            f"{source}: has {len(splits)} folds, expected fold {', '.join(missing)} too. Correct the campaign's folds."
        )
    problems = []
    for number, fold in enumerate(splits):
        both, unknown = set(fold["train"]) & set(fold["val"]), {*fold["train"], *fold["val"]} - set(cases)
        lacking = set(cases) - {*fold["train"], *fold["val"]}
        for what, names in (("has in both parts", both), ("has the unknown", unknown), ("is without", lacking)):
            if names:
                problems.append(f"{source}: fold {number} {what} {', '.join(sorted(names)[:5])}. Make it again.")
    if problems:
        raise InputError("\n".join(problems))
