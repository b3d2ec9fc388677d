"""Every problem of a submission in one run, file by file: more than the platform looks at, and each with a name."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import Edition
from bratseval.errors import InputError
from bratseval.files.case_images import MAX_AFFINE_DIFFERENCE_MM
from bratseval.files.nifti import Image, VoxelGrid, read_grid, read_values
from bratseval.files.sha256 import sha256_of_file
from bratseval.files.spacing import spacing_mm
from bratseval.submission.archive import NIFTI_END, Entry, open_submission
from bratseval.submission.pairing import Paired, find_references, nifti_files, pair_files, platform_id_of
from bratseval.submission.platform_verdict import Verdict, platform_verdict

Rule = Literal[
    "archive", "file", "link", "name", "unknown case", "missing", "duplicate", "sub-folder", "unreadable", "dimensions",
    "shape", "affine", "spacing", "header", "dtype", "values", "labels", "empty", "same content",
]  # fmt: skip
_ARCHIVE_ENDS: Final = (".zip", ".tar", ".tar.gz", ".tgz")
_OLD_ET: Final = 4
_GRID_OF: Final = ("t1c", "t1n", "t2f", "t2w")  # whose header tells a case's grid, the first that is there


@dataclass(frozen=True)
class Problem:
    """One broken rule.

    Attributes:
        file: its place in the submission; a missing file's expected name; the submission's own name.
        grave: it costs the score of a case, or the whole submission; otherwise it is only odd.
        text: what is wrong, expected, got, and what to do.
    """

    file: str
    rule: Rule
    grave: bool
    text: str


@dataclass(frozen=True)
class Checked:
    """Every problem of a submission in the order of its files, and what the platform would say."""

    problems: tuple[Problem, ...]
    verdict: Verdict
    files: int
    cases: int

    @property
    def valid(self) -> bool:
        """Whether no problem is grave."""
        return not any(problem.grave for problem in self.problems)


def check_submission(submission: Path, cases: Path, edition: Edition) -> Checked:
    """Check a folder or an archive of predictions against the cases they should answer.

    Args:
        submission: what would be uploaded, or a container's output folder.
        cases: case folders, as they were given, or references.

    Raises:
        InputError: there are no cases to compare with.
        OSError: an archive can't be unpacked, for want of room.
    """
    grids = _grids(cases, edition)
    try:
        with open_submission(submission) as entries:
            paired = pair_files(entries, dict.fromkeys(grids, Path()), edition)  # by name; no reference is opened
            problems = [*_layout_problems(submission, entries), *_case_problems(paired, edition)]
            answered = {entry: pair.case for pair in paired.pairs for entry in pair.predictions}
            for entry in entries:
                problems += _file_problems(entry, grids.get(answered.get(entry, "")), edition)
            problems += _same_content(entries)
            verdict = platform_verdict(entries, grids, edition)
    except InputError as error:
        broken = Problem(submission.name, "archive", True, str(error))
        return Checked((broken,), platform_verdict((), grids, edition), 0, len(grids))
    problems.sort(key=lambda problem: (problem.file, not problem.grave))
    return Checked(tuple(problems), verdict, len(entries), len(grids))


def _grids(cases: Path, edition: Edition) -> Mapping[str, VoxelGrid]:
    """The grid of each case, from the header of one of its images, or of its reference."""
    if not cases.is_dir():
        raise InputError(f"{cases}: is not a folder, expected a folder of cases. Check the path.")
    folders = sorted(path for path in cases.iterdir() if path.is_dir() and path.name[0] != "." and nifti_files(path))
    grids = {folder.name: read_grid(_grid_file(folder)) for folder in folders}
    return grids or {case: read_grid(path) for case, path in find_references(cases, edition).items()}


def _grid_file(folder: Path) -> Path:
    files = nifti_files(folder)
    ends = [f"{modality}{NIFTI_END}" for modality in _GRID_OF]
    return next((path for end in ends for path in files if path.name.endswith(end)), files[0])


# The submission as a whole


def _layout_problems(submission: Path, entries: Sequence[Entry]) -> Iterator[Problem]:
    if not entries:
        yield Problem(submission.name, "archive", True, f"{submission}: holds no file. Put the predictions there.")
    packed = not submission.is_dir()
    if packed and not submission.name.lower().endswith(_ARCHIVE_ENDS):
        text = f"{submission}: is named otherwise, expected {', '.join(_ARCHIVE_ENDS)}. Rename it."
        yield Problem(submission.name, "archive", False, text)
    for entry in entries:
        if "/" in entry.place.removeprefix("./"):
            kind = "the platform takes it out of there" if packed else "a container's output must be flat"
            text = f"{entry.told}: lies in a sub-folder; {kind}. Put it at the top."
            yield Problem(entry.place, "sub-folder", not packed, text)


def _case_problems(paired: Paired, edition: Edition) -> Iterator[Problem]:
    for pair in paired.pairs:
        if not pair.predictions:
            name = f"{pair.case}{NIFTI_END}"
            yield Problem(name, "missing", True, f"{name}: is missing. Every case needs a prediction: add the file.")
        elif len(pair.predictions) > 1:
            places = [entry.place for entry in pair.predictions]
            for entry in pair.predictions:
                others = ", ".join(place for place in places if place != entry.place)
                text = f"{entry.told}: answers {pair.case}, and so does {others}. Keep one of them."
                yield Problem(entry.place, "duplicate", True, text)
    for entry in paired.unknown:
        if platform_id_of(entry.name.removesuffix(NIFTI_END), edition) is not None:
            text = f"{entry.told}: answers none of the {len(paired.pairs)} cases. Rename it, or leave it out."
            yield Problem(entry.place, "unknown case", True, text)


def _same_content(entries: Sequence[Entry]) -> Iterator[Problem]:
    """Files that are equal to the last byte: mostly one prediction copied over another."""
    by_digest: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.path is not None:
            by_digest[sha256_of_file(entry.path)].append(entry)
    for first, *others in by_digest.values():
        for other in others:
            text = f"{other.told}: has the same bytes as {first.place}. Check that each case has its own prediction."
            yield Problem(other.place, "same content", False, text)


# Single files


def _file_problems(entry: Entry, case: VoxelGrid | None, edition: Edition) -> Iterator[Problem]:
    """What is wrong with one file; `case` is the grid of the case that it answers, if it answers one."""
    if not entry.name.endswith(NIFTI_END):
        text = entry.problem or f"{entry.told}: is no .nii.gz file, which makes the platform refuse all. Leave it out."
        yield Problem(entry.place, "file", True, text)
        return
    if platform_id_of(entry.name.removesuffix(NIFTI_END), edition) is None:
        text = f"{entry.told}: the platform finds no case in its name, expected an end like <id>.nii.gz. Rename it."
        yield Problem(entry.place, "name", True, f"{text} The id's pattern is {edition.case_id}.")
    if entry.path is None:
        yield Problem(entry.place, "link", True, entry.problem)
        return
    try:
        image = read_values(entry.path)
    except InputError as error:
        yield Problem(entry.place, "unreadable", True, str(error).replace(str(entry.path), entry.told))
        return
    if case is not None:
        yield from _grid_problems(entry, image.grid, case, edition)
    yield from _value_problems(entry, image, edition)


def _grid_problems(entry: Entry, grid: VoxelGrid, case: VoxelGrid, edition: Edition) -> Iterator[Problem]:
    rank = int(nib.Nifti1Header(grid.header, check=False)["dim"][0])
    if rank != len(case.shape):
        text = f"{entry.told}: has {rank} dimensions, expected 3. Save it as a 3-D image."
        yield Problem(entry.place, "dimensions", True, text)
    if grid.shape != case.shape:
        got, expected = ("x".join(map(str, shape)) for shape in (grid.shape, case.shape))
        text = f"{entry.told}: has {got} voxels, expected {expected} as its case. Save it on the case's grid."
        yield Problem(entry.place, "shape", True, text)
    off = grid.difference(case)
    if off > MAX_AFFINE_DIFFERENCE_MM:
        text = f"{entry.told}: affine differs from its case's by up to {off:.3g} mm. Save it with the case's affine."
        yield Problem(entry.place, "affine", True, text)
    got_mm, expected_mm = spacing_mm(grid, edition), spacing_mm(case, edition)
    if not np.allclose(got_mm, expected_mm, rtol=0, atol=MAX_AFFINE_DIFFERENCE_MM):
        told = ["x".join(f"{edge:g}" for edge in edges) for edges in (got_mm, expected_mm)]
        text = f"{entry.told}: has voxels of {told[0]} mm, expected {told[1]} mm as its case. Save it with its header."
        yield Problem(entry.place, "spacing", True, text)


def _value_problems(entry: Entry, image: Image[np.generic], edition: Edition) -> Iterator[Problem]:
    for warning in image.warnings:
        yield Problem(entry.place, "header", False, warning)
    voxels = image.voxels
    if voxels.dtype != np.uint8:
        text = f"{entry.told}: is stored as {voxels.dtype}, expected uint8. Save it as uint8."
        yield Problem(entry.place, "dtype", False, text)
    found = _values(voxels)
    strange = found[~np.isin(found, [0, *edition.labels])]
    broken = strange[~_is_integer(strange)]
    if len(broken):
        text = f"{entry.told}: holds {_told(broken)}, expected whole numbers. Save labels, not probabilities."
        yield Problem(entry.place, "values", True, text)
    whole = strange[_is_integer(strange)]
    if len(whole):
        labels = ", ".join(str(label) for label in (0, *edition.labels))
        old = " 4 was ET in BraTS up to 2022; since 2023 it is 3." if _OLD_ET in whole and 3 not in found else ""
        text = f"{entry.told}: holds {_told(whole)}, expected {labels}. Save the edition's labels.{old}"
        yield Problem(entry.place, "labels", True, text)
    if not found.any():
        text = f"{entry.told}: holds no label at all. Right only if the case has no tumour."
        yield Problem(entry.place, "empty", False, text)


def _values(voxels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Which values there are, ascending."""
    if voxels.dtype != np.uint8:
        return np.unique(voxels)
    there = np.zeros(256, np.bool_)
    there[voxels] = True
    return np.flatnonzero(there)


def _is_integer(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    whole: NDArray[np.bool_] = np.isfinite(values) & (values == np.floor(values))
    return whole


def _told(values: NDArray[np.generic]) -> str:
    shown = ", ".join(f"{value:g}" for value in values[:5])
    return f"{shown} and {len(values) - 5} other values" if len(values) > 5 else shown
