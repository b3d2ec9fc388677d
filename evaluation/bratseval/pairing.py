"""Which file answers which case. Names and folders only; no image is opened here."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bratseval.challenge import Edition
from bratseval.errors import InputError

NIFTI_END: Final = ".nii.gz"
_REFERENCE_NAME: Final = re.compile(r"^(?P<case>.+)[-_]seg\.nii\.gz$", re.DOTALL)


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
    answers = nifti_files(predictions)
    found = find_references(references)
    by_platform_id: dict[str, list[Path]] = defaultdict(list)
    for path in answers:
        if platform_id := _platform_id(case_of_name(path), edition):
            by_platform_id[platform_id].append(path)
    platform_ids = {case: _platform_id(case, edition) for case in found}
    cases_with = Counter(platform_ids.values())
    by_name = {case_of_name(path): path for path in answers}
    pairs = []
    for case, reference in found.items():
        platform_id = platform_ids[case]
        matching = {by_name[case]} if case in by_name else set()
        if platform_id and cases_with[platform_id] == 1:
            matching.update(by_platform_id[platform_id])
        pairs.append(Pair(case, reference, tuple(sorted(matching))))
    used = {path for pair in pairs for path in pair.predictions}
    return Paired(tuple(pairs), tuple(path for path in answers if path not in used))


def find_references(folder: Path) -> Mapping[str, Path]:
    """The reference file of each case, in the order of the cases' ids.

    Raises:
        InputError: the folder is not there, holds no reference, a case folder has none or
            several, or two references are of one case; all of it in one message.
    """
    files = nifti_files(folder)
    found: list[tuple[str, Path]] = []
    problems: list[str] = []
    for case_folder in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        images = nifti_files(case_folder)
        segmentations = [path for path in images if _REFERENCE_NAME.match(path.name)]
        if len(segmentations) == 1:
            found.append((case_folder.name, segmentations[0]))
        elif images:
            problems.append(
                f"{case_folder}: holds {len(segmentations)} files that end in -seg.nii.gz, expected one. "
                "Keep one reference for each case."
            )
    named = [(match["case"], path) for path in files if (match := _REFERENCE_NAME.match(path.name))]
    found += named or [(case_of_name(path), path) for path in files]
    references: dict[str, Path] = {}
    for case, path in found:
        if references.setdefault(case, path) != path:
            problems.append(f"{path}: is a second reference of {case}. Keep one of them.")
    if problems:
        raise InputError("\n".join(problems))
    if not references:
        raise InputError(f"{folder}: holds no reference, expected case folders with a -seg.nii.gz. Check the path.")
    return dict(sorted(references.items()))


def nifti_files(folder: Path) -> list[Path]:
    """The .nii.gz files of a folder by name, without hidden ones.

    Raises:
        InputError: the folder is not there or can't be listed.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder. Check the path.")
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({error.strerror}). Check its permissions.") from None
    return [path for path in entries if path.name.endswith(NIFTI_END) and path.name[0] != "." and not path.is_dir()]


def case_of_name(path: Path) -> str:
    """A file's name without .nii.gz."""
    return path.name.removesuffix(NIFTI_END)


def _platform_id(name: str, edition: Edition) -> str | None:
    match = re.search(f"({edition.case_id})$", name)
    return match[1] if match else None
