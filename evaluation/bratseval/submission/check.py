"""Every problem of a submission in one run, file by file, and what the platform would say.

The platform stops at the first fault, names no file, and looks neither at labels nor at
missing cases. This check looks at all of it and names the file each time.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bratseval.challenge import Edition
from bratseval.errors import InputError
from bratseval.files.nifti import VoxelGrid, read_grid
from bratseval.files.sha256 import sha256_of_file
from bratseval.submission.archive import NIFTI_END, SubmissionFile, open_submission
from bratseval.submission.file_problems import Problem, Severity, error_in, file_problems, warning_in
from bratseval.submission.pairing import PairedFiles, find_references, nifti_files, pair_files, platform_id_of
from bratseval.submission.platform_verdict import Verdict, platform_verdict

_ARCHIVE_ENDS: Final = (".zip", ".tar", ".tar.gz", ".tgz")
_GRID_OF: Final = ("t1c", "t1n", "t2f", "t2w")  # a case's grid is that of the first of these images that exists


@dataclass(frozen=True)
class SubmissionCheck:
    """Every problem of a submission, and what the platform would say.

    Attributes:
        problems: in the order of their files, errors before warnings.
        verdict: of the platform's own checks.
        files: how many files the submission has.
        cases: how many cases it was checked against.
    """

    problems: tuple[Problem, ...]
    verdict: Verdict
    files: int
    cases: int

    @property
    def valid(self) -> bool:
        """Whether no problem is an error."""
        return not any(problem.severity is Severity.ERROR for problem in self.problems)


def check_submission(submission: Path, cases: Path, edition: Edition) -> SubmissionCheck:
    """Every problem of a folder or an archive of predictions.

    Args:
        submission: what would be uploaded, or a container's output folder.
        cases: case folders, as they were distributed, or references.
        edition: whose labels and file names count.

    Raises:
        InputError: there are no cases to compare with.
        OSError: an archive cannot be unpacked, for example because the disk is full.
    """
    grids = _grids(cases, edition)
    try:
        with open_submission(submission) as files:
            paired = pair_files(files, dict.fromkeys(grids, Path()), edition)  # by name; no reference is opened
            problems = [*_layout_problems(submission, files), *_case_problems(paired, edition)]
            case_of = {file: pair.case for pair in paired.pairs for file in pair.predictions}
            for file in files:
                problems += file_problems(file, grids.get(case_of.get(file, "")), edition)
            problems += _same_content(files)
            verdict = platform_verdict(files, grids, edition)
    except InputError as error:
        broken = Problem(submission.name, "archive", Severity.ERROR, str(error))
        return SubmissionCheck((broken,), platform_verdict((), grids, edition), 0, len(grids))
    problems.sort(key=lambda problem: (problem.file, problem.severity is not Severity.ERROR))
    return SubmissionCheck(tuple(problems), verdict, len(files), len(grids))


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


def _layout_problems(submission: Path, files: Sequence[SubmissionFile]) -> Iterator[Problem]:
    if not files:
        text = f"{submission}: contains no files. Add the predictions."
        yield Problem(submission.name, "archive", Severity.ERROR, text)
    packed = not submission.is_dir()
    if packed and not submission.name.lower().endswith(_ARCHIVE_ENDS):
        text = f"{submission}: has an unexpected file name, expected one that ends in {', '.join(_ARCHIVE_ENDS)}. "
        yield Problem(submission.name, "archive", Severity.WARNING, f"{text}Rename it.")
    for file in files:
        if "/" not in file.inner_path.removeprefix("./"):
            continue
        if packed:
            yield warning_in(
                file, "sub-folder", "is in a sub-folder; the platform moves it to the top level. Put it there."
            )
        else:
            yield error_in(
                file, "sub-folder", "is in a sub-folder, expected at the top level of the output. Put it there."
            )


def _case_problems(paired: PairedFiles, edition: Edition) -> Iterator[Problem]:
    for pair in paired.pairs:
        if not pair.predictions:
            name = f"{pair.case}{NIFTI_END}"
            text = f"{name}: is missing. Every case needs a prediction. Add the file."
            yield Problem(name, "missing", Severity.ERROR, text)
        elif len(pair.predictions) > 1:
            for file in pair.predictions:
                others = ", ".join(other.inner_path for other in pair.predictions if other is not file)
                yield error_in(
                    file, "duplicate", f"is a prediction of {pair.case}, and so is {others}. Keep one of them."
                )
    for file in paired.unknown:
        if platform_id_of(file.name.removesuffix(NIFTI_END), edition) is not None:
            yield error_in(file, "unknown case", "belongs to none of the given cases. Rename or remove it.")


def _same_content(files: Sequence[SubmissionFile]) -> Iterator[Problem]:
    """Files that are equal to the last byte: mostly one prediction copied over another."""
    by_digest: dict[str, list[SubmissionFile]] = defaultdict(list)
    for file in files:
        if file.path is not None:
            by_digest[sha256_of_file(file.path)].append(file)
    for first, *others in by_digest.values():
        for other in others:
            text = f"is identical to {first.inner_path}. Check that each case has its own prediction."
            yield warning_in(other, "same content", text)
