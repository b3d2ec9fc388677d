"""Out-of-fold predictions: every training case predicted by the one fold of each member that did not see it."""

import json
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseg.inference.pipeline import predict_member
from bratseg.models.member import Member, OutOfDeviceMemory, Outputs
from bratseg.weights.folder import DESCRIPTION, Weights, WeightsMember
from bratseval.errors import InputError
from bratseval.files.atomic import replacing, write_json
from bratseval.files.case_images import Volume, hash_case, read_case
from bratseval.files.cases import Case
from bratseval.files.json_fields import read_json
from bratseval.files.sha256 import sha256_of_file

FOLDER: Final = "out_of_fold"
FORMAT: Final = 1
_FOLD: Final = re.compile(r"fold_(\d+)\.safetensors")
# What a single case can raise for reasons of its own, as in `bratseg.inference.run`.
_CASE_FAILURES: Final = (InputError, OSError, MemoryError, ArithmeticError, ValueError, LookupError, RuntimeError)

# Loads one fold of a member: the member and the fold's file.
LoadFold = Callable[[WeightsMember, str], Member]


@dataclass(frozen=True)
class Split:
    """One fold of a cross-validation: the cases it was trained on, and those it did not see."""

    train: tuple[str, ...]
    val: tuple[str, ...]


@dataclass(frozen=True)
class OutOfFoldPrediction:
    """A member's prediction of a case by the fold that did not see it.

    Attributes:
        probabilities: (outputs, x, y, z), float16, 0 to 1, axes in LPS.
        outputs: what they mean.
    """

    probabilities: NDArray[np.float16]
    outputs: Outputs


@dataclass(frozen=True)
class OutOfFold:
    """How a run over all members and cases ended; `failed` gives the reason for each case without a prediction."""

    predicted: int
    kept: int
    failed: Mapping[str, str]


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


def predict_out_of_fold(
    weights: Weights,
    cases: Sequence[Case],
    folds: Mapping[str, int],
    output: Path,
    load: LoadFold,
    *,
    mirroring: bool,
    tile_step: float,
    on_case: Callable[[str, str, str], None] = lambda *_: None,
) -> OutOfFold:
    """Write `output`/out_of_fold/<member>/<case>.npz for every member and case; what is finished is kept.

    A prediction is finished when the JSON beside it says that it was made from these
    images, this fold's weights and these settings, and the file is as it was written.
    A case that fails is skipped, the others go on.

    Args:
        folds: the fold of each case.
        on_case: called with (member, case, what happened) after each; a member that had to
            use less memory of its device is named there.

    Raises:
        InputError: a member lacks a fold that is needed; all of them are named.
    """
    files = _fold_files(weights, sorted(set(folds.values())))
    failed: dict[str, str] = {}
    predicted = kept = 0
    for listed in weights.members:
        folder = output / FOLDER / listed.path.name
        folder.mkdir(parents=True, exist_ok=True)
        for fold, name in files[listed.path.name].items():
            own = [case for case in cases if folds[case.id] == fold]
            settings = _settings(listed, name, mirroring=mirroring, tile_step=tile_step)
            member: Member | None = None
            for case in own:
                try:
                    sha256 = hash_case(case)
                    made_from = {**settings, "inputs": dict(sha256)}
                    if _is_finished(folder, case.id, made_from):
                        kept += 1
                        on_case(listed.path.name, case.id, "kept")
                        continue
                    member = member or load(listed, name)
                    steps = _predict(read_case(case, sha256), member, folder / f"{case.id}.npz", made_from, tile_step)
                    predicted += 1
                    on_case(listed.path.name, case.id, "; ".join((f"predicted with {name}", *steps)))
                except (*_CASE_FAILURES, OutOfDeviceMemory) as error:
                    failed[case.id] = (
                        str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
                    )
                    on_case(listed.path.name, case.id, f"failed: {failed[case.id]}")
            if member:
                member.close()
    return OutOfFold(predicted, kept, failed)


def read_prediction(output: Path, member: str, case: str) -> OutOfFoldPrediction:
    """A prediction that `predict_out_of_fold` wrote.

    Raises:
        InputError: it is not there or no such file.
    """
    path = output / FOLDER / member / f"{case}.npz"
    try:
        with np.load(path, allow_pickle=False) as stored:
            meaning = json.loads(str(stored["outputs"]))
            outputs = Outputs(meaning["kind"], tuple(map(tuple, meaning["labels"])), tuple(meaning["paint"]))
            return OutOfFoldPrediction(stored["probabilities"], outputs)
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: is no out-of-fold prediction ({error}). Delete it and predict it again.") from None


def _fold_files(weights: Weights, wanted: Sequence[int]) -> Mapping[str, Mapping[int, str]]:
    """For each member the file of each fold that is needed."""
    files: dict[str, dict[int, str]] = {}
    problems = []
    for listed in weights.members:
        numbered = {int(found[1]): name for name in listed.description.folds if (found := _FOLD.fullmatch(name))}
        missing = [f"fold_{number}" for number in wanted if number not in numbered]
        if missing:
            problems.append(
                f"{listed.path}: has no {', '.join(missing)}, expected one for each fold of the splits. "
                "Train it, or name the splits that the member was trained with."
            )
        files[listed.path.name] = {number: numbered[number] for number in wanted if number in numbered}
    if problems:
        raise InputError("\n".join(problems))
    return files


def _settings(member: WeightsMember, fold: str, *, mirroring: bool, tile_step: float) -> dict[str, object]:
    return {
        "format": FORMAT,
        "fold": fold,
        "weights": sha256_of_file(member.path / fold),
        "description": sha256_of_file(member.path / DESCRIPTION),
        "mirroring": mirroring,
        "tile_step": tile_step,
        "version": version("brats-harness"),
    }


def _predict(
    volume: Volume, member: Member, path: Path, made_from: Mapping[str, object], tile_step: float
) -> tuple[str, ...]:
    """Write a prediction; gives each step down that the member took where its device was full."""
    steps: list[str] = []
    probabilities = predict_member(volume, member, tile_step, {}, steps)
    meaning = json.dumps(asdict(member.description.outputs))
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, probabilities=probabilities.astype(np.float16), outputs=np.array(meaning))
    write_json(path.with_suffix(".json"), {**made_from, "sha256": sha256_of_file(path)})
    return tuple(steps)


def _is_finished(folder: Path, case: str, made_from: Mapping[str, object]) -> bool:
    path = folder / f"{case}.npz"
    try:
        written = json.loads((folder / f"{case}.json").read_text("utf-8"))
        return bool(written == {**made_from, "sha256": sha256_of_file(path)})
    except (OSError, ValueError):
        return False
