"""A folder of predictions beside a folder of references: which file answers which case, and what it scores."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import nibabel as nib
import numpy as np

from bratseval.challenge import Edition
from bratseval.errors import InputError
from bratseval.metrics import Spacing
from bratseval.nifti import Grid, Image, read_labels
from bratseval.scoring import CaseScore, score_case, worst_score

MAX_AFFINE_DIFFERENCE_MM: Final = 1e-3  # more is told; the official code of 2023 never looks

State = Literal["scored", "failed"]
_REFERENCE_NAME: Final = re.compile(r"^(?P<case>.+)[-_]seg\.nii\.gz$", re.DOTALL)
_NIFTI_END: Final = ".nii.gz"


@dataclass(frozen=True)
class Pair:
    """A case, its reference, and the files that could be its prediction: one when all is well."""

    case: str
    reference: Path
    predictions: tuple[Path, ...]


@dataclass(frozen=True)
class Paired:
    """Every case of the references, and the predicted files that answer none of them."""

    pairs: tuple[Pair, ...]
    unknown: tuple[Path, ...]


@dataclass(frozen=True)
class ScoredCase:
    """How one case ended.

    Attributes:
        state: scored; or failed, then `score` is the worst value and `reason` says why.
        warnings: what is odd about the files but does not change the official score.
        files: sha256 of each file that was read, by path.
    """

    case: str
    state: State
    score: CaseScore
    reason: str = ""
    warnings: tuple[str, ...] = ()
    files: Mapping[str, str] | None = None


def pair_files(predictions: Path, references: Path, edition: Edition) -> Paired:
    """Which prediction answers which reference.

    A prediction answers a case when its name without `.nii.gz` is the case's id, or ends
    with the same platform id (00001-000), provided that one case alone has that id.

    Args:
        predictions: a folder of .nii.gz files.
        references: a folder of case folders with a `-seg.nii.gz` each, or of such files,
            or of .nii.gz files called after their cases.

    Raises:
        InputError: a folder is not there, or holds no reference.
    """
    answers = _nifti_files(predictions)
    found = find_references(references)
    platform_ids = {case: _platform_id(case, edition) for case in found}
    shared = [platform_id for platform_id in platform_ids.values()]
    pairs, used = [], set[Path]()
    for case, reference in found.items():
        platform_id = platform_ids[case]
        wanted = platform_id if platform_id and shared.count(platform_id) == 1 else None
        matching = tuple(
            path
            for path in answers
            if _stem(path) == case or (wanted and _stem(path) not in found and _platform_id(_stem(path), edition) == wanted)
        )
        pairs.append(Pair(case, reference, matching))
        used.update(matching)
    return Paired(tuple(pairs), tuple(path for path in answers if path not in used))


def find_references(folder: Path) -> Mapping[str, Path]:
    """The reference file of each case, in the order of the cases' ids.

    Raises:
        InputError: the folder is not there, holds no reference, a case folder has none or
            several, or two references are of one case; all of it in one message.
    """
    files = _nifti_files(folder)
    found: list[tuple[str, Path]] = []
    problems: list[str] = []
    for case_folder in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        segmentations = [path for path in _nifti_files(case_folder) if _REFERENCE_NAME.match(path.name)]
        if len(segmentations) == 1:
            found.append((case_folder.name, segmentations[0]))
        elif segmentations or _nifti_files(case_folder):
            problems.append(
                f"{case_folder}: holds {len(segmentations)} files that end in -seg.nii.gz, expected one. "
                "Keep one reference for each case."
            )
    named = {path: match["case"] for path in files if (match := _REFERENCE_NAME.match(path.name))}
    found += [(named[path], path) for path in named] if named else [(_stem(path), path) for path in files]
    cases = [case for case, _ in found]
    problems += [
        f"{path}: is a second reference of {case}. Keep one of them." for i, (case, path) in enumerate(found) if case in cases[:i]
    ]
    if problems:
        raise InputError("\n".join(problems))
    if not found:
        raise InputError(f"{folder}: holds no reference, expected case folders with a -seg.nii.gz. Check the path.")
    return dict(sorted(found))


def score_pair(pair: Pair, edition: Edition) -> ScoredCase:
    """Read and score one case; a prediction that can't be used scores the worst values.

    Spacing is that of the prediction's header, as in the official code; affines are
    compared, and a difference is told and not punished.

    Raises:
        InputError: the reference is unreadable.
    """
    reference = read_labels(pair.reference)
    files = {str(pair.reference): _sha256(pair.reference)}
    problem = _ambiguity(pair)
    if problem is None:
        try:
            prediction = read_labels(pair.predictions[0])
            problem = _shape_problem(pair.predictions[0], prediction.grid, reference.grid)
            files[str(pair.predictions[0])] = _sha256(pair.predictions[0])
        except InputError as error:
            problem = str(error)
    if problem is not None:
        score = worst_score(reference.voxels, header_spacing_mm(reference.grid), edition)
        return ScoredCase(pair.case, "failed", score, problem, reference.warnings, files)
    score = score_case(prediction.voxels, reference.voxels, header_spacing_mm(prediction.grid), edition)
    warnings = (*reference.warnings, *prediction.warnings, *_oddities(pair, prediction, reference, edition))
    return ScoredCase(pair.case, "scored", score, "", warnings, files)


def score_pairs(
    pairs: Sequence[Pair], edition: Edition, on_case: Callable[[ScoredCase], None] = lambda _: None
) -> list[ScoredCase]:
    """Score every case.

    Args:
        on_case: told each case as it is done.

    Raises:
        InputError: references are unreadable; all of them are named.
    """
    scored, corrupt = [], []
    for pair in pairs:
        try:
            case = score_pair(pair, edition)
        except InputError as error:
            corrupt.append(str(error))
            continue
        scored.append(case)
        on_case(case)
    if corrupt:
        raise InputError("\n".join(corrupt))
    return scored


def header_spacing_mm(grid: Grid) -> Spacing:
    """Voxel edges (x, y, z) from the header's pixdim, as nibabel gives them to the official code.

    Negative edges count as positive and an edge of 0 as 1 mm: nibabel mends them so.
    """
    edges = np.abs(np.asarray(nib.Nifti1Header(grid.header, check=False)["pixdim"][1:4], dtype=np.float64))
    x, y, z = (float(edge) or 1.0 for edge in edges)
    return x, y, z


def _ambiguity(pair: Pair) -> str | None:
    if not pair.predictions:
        return f"{pair.case}: has no prediction, expected {pair.case}.nii.gz. Add the file."
    if len(pair.predictions) > 1:
        names = ", ".join(path.name for path in pair.predictions)
        return f"{pair.case}: has {len(pair.predictions)} predictions ({names}), expected one. Keep one of them."
    return None


def _shape_problem(path: Path, grid: Grid, reference: Grid) -> str | None:
    if grid.shape == reference.shape:
        return None
    got, expected = ("x".join(map(str, shape)) for shape in (grid.shape, reference.shape))
    return f"{path}: has {got} voxels, expected {expected} as the reference. Save the prediction on the case's grid."


def _oddities(pair: Pair, prediction: Image[np.uint8], reference: Image[np.uint8], edition: Edition) -> list[str]:
    name = pair.predictions[0].name
    odd = []
    off = prediction.grid.difference(reference.grid)
    if off > MAX_AFFINE_DIFFERENCE_MM:
        odd.append(f"{name}: affine differs from the reference's by up to {off:.3g} mm; scored voxel by voxel")
    spacings = header_spacing_mm(prediction.grid), header_spacing_mm(reference.grid)
    if not np.allclose(*spacings, rtol=0, atol=MAX_AFFINE_DIFFERENCE_MM):
        told = ["x".join(f"{edge:g}" for edge in spacing) for spacing in spacings]
        odd.append(f"{name}: voxels are {told[0]} mm, the reference's {told[1]} mm; the prediction's count")
    known = {0}.union(*(rules.labels for rules in edition.regions.values()))
    for path, image in ((pair.predictions[0], prediction), (pair.reference, reference)):
        strange = sorted(set(np.flatnonzero(np.bincount(image.voxels.ravel(order="K")))) - known)
        if strange:
            told_labels = ", ".join(str(label) for label in strange)
            odd.append(f"{path.name}: label {told_labels} is none of this edition's and counts as background")
    return odd


def _nifti_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder. Check the path.")
    return sorted(
        path
        for path in folder.iterdir()
        if path.name.endswith(_NIFTI_END) and not path.name.startswith(".") and not path.is_dir()
    )


def _stem(path: Path) -> str:
    return path.name.removesuffix(_NIFTI_END)


def _platform_id(name: str, edition: Edition) -> str | None:
    match = re.search(f"({edition.case_id})$", name)
    return match[1] if match else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
