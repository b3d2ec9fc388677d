"""Which file is the prediction of which case. Only names and folders are read here, no image."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bratseval.challenge import Edition
from bratseval.errors import InputError
from bratseval.submission.archive import NIFTI_END, SubmissionFile

_USUAL_END: Final = "[-_]seg"  # of a reference's name, taken beside the edition's own


@dataclass(frozen=True)
class Pair:
    """A case, its reference, and its predictions.

    Attributes:
        case: its id.
        predictions: the files that could be its prediction: exactly one if the submission is
            correct, none if it is missing.
    """

    case: str
    reference: Path
    predictions: tuple[SubmissionFile, ...]


@dataclass(frozen=True)
class PairedFiles:
    """One pair for each case of the references, and the predictions that belong to no case."""

    pairs: tuple[Pair, ...]
    unknown: tuple[SubmissionFile, ...]


def pair_files(submission: Sequence[SubmissionFile], references: Mapping[str, Path], edition: Edition) -> PairedFiles:
    """Each reference with its predictions, in the order of `references`.

    A prediction belongs to a case if its name without `.nii.gz` is the case's id, or ends
    with the same platform id (00001-000) and no other case has that id.

    Args:
        submission: its files; those that do not end in `.nii.gz` are ignored.
        references: the reference file of each case, by the case's id.
        edition: its pattern of platform ids.
    """
    predictions = [file for file in submission if file.name.endswith(NIFTI_END)]
    by_name, by_platform_id = defaultdict(list), defaultdict(list)
    for file in predictions:
        by_name[case_of_name(file.name)].append(file)
        if platform_id := platform_id_of(case_of_name(file.name), edition):
            by_platform_id[platform_id].append(file)
    platform_ids = {case: platform_id_of(case, edition) for case in references}
    cases_with = Counter(platform_ids.values())
    pairs = []
    for case, reference in references.items():
        platform_id = platform_ids[case]
        matching = list(by_name[case])
        if platform_id and cases_with[platform_id] == 1:
            matching += [file for file in by_platform_id[platform_id] if file not in matching]
        pairs.append(Pair(case, reference, tuple(sorted(matching, key=lambda file: file.inner_path))))
    used = {file for pair in pairs for file in pair.predictions}
    return PairedFiles(tuple(pairs), tuple(file for file in predictions if file not in used))


def find_references(folder: Path, edition: Edition) -> Mapping[str, Path]:
    """The reference file of each case, in the order of the cases' ids.

    Args:
        folder: contains one folder per case with one reference each, or references
            (`<id>-seg.nii.gz`), or .nii.gz files named after their cases.
        edition: its own ending of a reference's name, accepted beside `-seg`.

    Raises:
        InputError: the folder does not exist or contains no reference, a case folder has none
            or several, or two references belong to one case; all problems in one message.
    """
    name_of_reference = re.compile(rf"^(.+)(?:{edition.reference_end}|{_USUAL_END})\.nii\.gz$", re.DOTALL)
    files = nifti_files(folder)
    found: list[tuple[str, Path]] = []
    problems: list[str] = []
    for case_folder in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        images = nifti_files(case_folder)
        segmentations = [path for path in images if name_of_reference.match(path.name)]
        if len(segmentations) == 1:
            found.append((case_folder.name, segmentations[0]))
        elif images:
            problems.append(
                f"{case_folder}: contains {len(segmentations) or 'no'} files that end in -seg.nii.gz, expected one. "
                "Keep one reference per case."
            )
    named = [(match[1], path) for path in files if (match := name_of_reference.match(path.name))]
    found += named or [(case_of_name(path.name), path) for path in files]
    references: dict[str, Path] = {}
    for case, path in found:
        if references.setdefault(case, path) != path:
            problems.append(f"{path}: is a second reference of {case}, expected one. Keep one of them.")
    if problems:
        raise InputError("\n".join(problems))
    if not references:
        raise InputError(
            f"{folder}: contains no reference, expected case folders with a -seg.nii.gz each. Check the path."
        )
    return dict(sorted(references.items()))


def nifti_files(folder: Path) -> list[Path]:
    """The .nii.gz files of a folder, sorted by name, without hidden ones.

    Raises:
        InputError: the folder does not exist or cannot be listed.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder, expected a folder of .nii.gz files. Check the path.")
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({error.strerror}). Check its permissions.") from None
    return [path for path in files if path.name.endswith(NIFTI_END) and path.name[0] != "." and not path.is_dir()]


def case_of_name(name: str) -> str:
    """The case's id according to a file name: the name without .nii.gz."""
    return name.removesuffix(NIFTI_END)


def platform_id_of(name: str, edition: Edition) -> str | None:
    """The case id that the platform reads at the end of a name (without .nii.gz); None if it finds none."""
    match = re.search(f"({edition.case_id})$", name)
    return match[1] if match else None
