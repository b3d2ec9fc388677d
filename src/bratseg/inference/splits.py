"""The folds of a cross-validation: which cases each was trained on, and which one did not see a case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bratseval.errors import InputError
from bratseval.files.json_fields import read_json


@dataclass(frozen=True)
class Split:
    """One fold of a cross-validation: the cases it was trained on, and those it did not see."""

    train: tuple[str, ...]
    val: tuple[str, ...]


def read_splits(path: Path) -> tuple[Split, ...]:
    """The folds in a splits_final.json, nnU-Net's list of {"train": […], "val": […]}; fold_k belongs to the k-th.

    Raises:
        InputError: it is missing or no such list.
    """
    content = read_json(path)
    if not isinstance(content, list) or not content:
        raise InputError(f'{path}: is no list of folds, expected [{{"train": […], "val": […]}}, …]. Name another file.')
    splits = []
    for number, fold in enumerate(content):
        parts = [fold.get(key) if isinstance(fold, dict) else None for key in ("train", "val")]
        if not all(isinstance(part, list) and all(isinstance(case, str) for case in part) for part in parts):
            raise InputError(f"{path}: fold {number} has no lists of cases named train and val. Correct the file.")
        splits.append(Split(tuple(parts[0]), tuple(parts[1])))  # type: ignore[arg-type]  # both are lists of str
    return tuple(splits)


def fold_of_cases(splits: Sequence[Split], cases: Sequence[str], source: Path) -> Mapping[str, int]:
    """For each case the fold that did not see it.

    Args:
        source: the file of the splits, for messages.

    Raises:
        InputError: with every case that no fold or more than one has in its val, and
            every leak: a case that is in train and val of its fold.
    """
    folds: dict[str, int] = {}
    problems = []
    for case in cases:
        unseen = [number for number, split in enumerate(splits) if case in split.val]
        if len(unseen) != 1:
            listed = ", ".join(map(str, unseen)) or "none"
            problems.append(f"{source}: {case} is in val of fold {listed}, expected exactly one. Correct the splits.")
        elif case in splits[unseen[0]].train:
            problems.append(
                f"{source}: {case} is in train and in val of fold {unseen[0]}, a leak: that fold was trained on it. "
                "Train with splits that keep them apart."
            )
        else:
            folds[case] = unseen[0]
    if problems:
        raise InputError("\n".join(problems))
    return folds
