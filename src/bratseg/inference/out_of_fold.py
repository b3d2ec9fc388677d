"""Out-of-fold predictions: every training case predicted by the one fold of each member that did not see it."""

import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from bratseg.inference.pipeline import predict_member
from bratseg.models.member import Member, OutOfDeviceMemory, Outputs
from bratseg.weights.folder import DESCRIPTION, Weights, WeightsMember
from bratseval.errors import InputError
from bratseval.files.atomic import replacing, write_json
from bratseval.files.case_images import Volume, hash_case, read_case
from bratseval.files.cases import Case
from bratseval.files.sha256 import sha256_of_file

FOLDER: Final = "out_of_fold"
FORMAT: Final = 1
_FOLD: Final = re.compile(r"fold_(\d+)\.safetensors")
# What a single case can raise for reasons of its own, as in `bratseg.inference.run`.
_CASE_FAILURES: Final = (InputError, OSError, MemoryError, ArithmeticError, ValueError, LookupError, RuntimeError)

# Loads one fold of a member: the member and the fold's file.
LoadFold = Callable[[WeightsMember, str], Member]


@dataclass(frozen=True)
class FoldEngine:
    """How one fold of a member predicts a case.

    Attributes:
        load: gives the member with that fold alone, ready on its device.
        mirroring: whether it averages over mirrored images; a prediction made otherwise is not kept.
        tile_step: distance of neighbouring tiles, as a share of the tile's side, in (0, 1]; likewise.
    """

    load: LoadFold
    mirroring: bool
    tile_step: float


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


@dataclass(frozen=True)
class _FoldCase:
    """How one case of a fold ended; `note` is the reason of a failure."""

    case: str
    status: Literal["predicted", "kept", "failed"]
    note: str


def predict_out_of_fold(
    weights: Weights,
    cases: Sequence[Case],
    folds: Mapping[str, int],
    output: Path,
    engine: FoldEngine,
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
    counts = {"predicted": 0, "kept": 0, "failed": 0}
    for listed in weights.members:
        folder = output / FOLDER / listed.path.name
        folder.mkdir(parents=True, exist_ok=True)
        for fold, name in files[listed.path.name].items():
            own = [case for case in cases if folds[case.id] == fold]
            for done in _predict_fold(own, listed, name, folder, engine):
                counts[done.status] += 1
                if done.status == "failed":
                    failed[done.case] = done.note
                on_case(listed.path.name, done.case, f"failed: {done.note}" if done.status == "failed" else done.note)
    return OutOfFold(counts["predicted"], counts["kept"], failed)


def _predict_fold(
    cases: Sequence[Case], listed: WeightsMember, name: str, folder: Path, engine: FoldEngine
) -> Iterator[_FoldCase]:
    """Each case of a fold as it is done; the member is loaded for the first that is not finished."""
    settings = _settings(listed, name, engine)
    member: Member | None = None
    for case in cases:
        try:
            sha256 = hash_case(case)
            made_from = {**settings, "inputs": dict(sha256)}
            if _is_finished(folder, case.id, made_from):
                done = _FoldCase(case.id, "kept", "kept")
            else:
                member = member or engine.load(listed, name)
                path = folder / f"{case.id}.npz"
                steps = _predict(read_case(case, sha256), member, path, made_from, engine.tile_step)
                done = _FoldCase(case.id, "predicted", "; ".join((f"predicted with {name}", *steps)))
        except (*_CASE_FAILURES, OutOfDeviceMemory) as error:
            reason = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            done = _FoldCase(case.id, "failed", reason)
        yield done
    if member:
        member.close()


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


def _settings(member: WeightsMember, fold: str, engine: FoldEngine) -> dict[str, object]:
    return {
        "format": FORMAT,
        "fold": fold,
        "weights": sha256_of_file(member.path / fold),
        "description": sha256_of_file(member.path / DESCRIPTION),
        "mirroring": engine.mirroring,
        "tile_step": engine.tile_step,
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
