"""Which file answers which case. Names and folders only; no image is opened here."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bratseval.challenge import Edition
from bratseval.errors import InputError
from bratseval.submission.archive import NIFTI_END, Entry

_USUAL_END: Final = "[-_]seg"  # of a reference's name, taken beside the edition's own


@dataclass(frozen=True)
class Pair:
    """A case, its reference, and the files that could be its prediction: one when all is well."""

    case: str
    reference: Path
    predictions: tuple[Entry, ...]


@dataclass(frozen=True)
class Paired:
    """Every case of the references, and the predicted files that answer none of them."""

    pairs: tuple[Pair, ...]
    unknown: tuple[Entry, ...]


def pair_files(submission: Sequence[Entry], references: Mapping[str, Path], edition: Edition) -> Paired:
    """Which prediction answers which reference.

    A prediction answers a case when its name without `.nii.gz` is the case's id, or ends
    with the same platform id (00001-000), provided that one case alone has that id.

    Args:
        submission: its files; those that do not end in `.nii.gz` are no predictions.
        references: by case.
    """
    answers = [entry for entry in submission if entry.name.endswith(NIFTI_END)]
    by_name, by_platform_id = defaultdict(list), defaultdict(list)
    for entry in answers:
        by_name[case_of_name(entry.name)].append(entry)
        if platform_id := platform_id_of(case_of_name(entry.name), edition):
            by_platform_id[platform_id].append(entry)
    platform_ids = {case: platform_id_of(case, edition) for case in references}
    cases_with = Counter(platform_ids.values())
    pairs = []
    for case, reference in references.items():
        platform_id = platform_ids[case]
        matching = list(by_name[case])
        if platform_id and cases_with[platform_id] == 1:
            matching += [entry for entry in by_platform_id[platform_id] if entry not in matching]
        pairs.append(Pair(case, reference, tuple(sorted(matching, key=lambda entry: entry.place))))
    used = {entry for pair in pairs for entry in pair.predictions}
    return Paired(tuple(pairs), tuple(entry for entry in answers if entry not in used))


def find_references(folder: Path, edition: Edition) -> Mapping[str, Path]:
    """The reference file of each case, in the order of the cases' ids.

    Args:
        folder: holds a folder for each case with one reference in it, or references, or
            .nii.gz files called after their cases.

    Raises:
        InputError: the folder is not there, holds no reference, a case folder has none or
            several, or two references are of one case; all of it in one message.
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
                f"{case_folder}: holds {len(segmentations)} files that end in -seg.nii.gz, expected one. "
                "Keep one reference for each case."
            )
    named = [(match[1], path) for path in files if (match := name_of_reference.match(path.name))]
    found += named or [(case_of_name(path.name), path) for path in files]
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


def case_of_name(name: str) -> str:
    """A file's name without .nii.gz."""
    return name.removesuffix(NIFTI_END)


def platform_id_of(name: str, edition: Edition) -> str | None:
    """What the platform takes for the case's id in a name without .nii.gz; None where it finds none."""
    match = re.search(f"({edition.case_id})$", name)
    return match[1] if match else None
