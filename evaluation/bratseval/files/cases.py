"""Which files belong to a case. Only paths and names are read here, no image."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bratseval.challenge import MODALITIES, Modality
from bratseval.errors import InputError

# The last part of a file name, after "-" or "_": today's names and those of the editions up to 2022.
_SUFFIXES: Final[Mapping[str, Modality]] = {
    "t1n": "t1n",
    "t1": "t1n",
    "t1c": "t1c",
    "t1ce": "t1c",
    "t2w": "t2w",
    "t2": "t2w",
    "t2f": "t2f",
    "flair": "t2f",
}
_REFERENCE_SUFFIXES: Final = ("seg", "gtv")  # the gross tumour volume of MEN-RT
_IMAGE_NAME: Final = re.compile(r"^(?:(?P<stem>.*)[-_])?(?P<suffix>[A-Za-z0-9]+)\.nii(?:\.gz)?$", re.DOTALL)


@dataclass(frozen=True)
class Case:
    """One folder of images.

    Attributes:
        id: the folder's whole name, never parsed; outputs are named after it.
        images: the file of each modality that exists.
        reference: the `-seg` (MEN-RT: `_gtv`) file beside them, if any.
    """

    id: str
    images: Mapping[Modality, Path]
    reference: Path | None = None


@dataclass(frozen=True)
class FoundCases:
    """The cases of a folder.

    Attributes:
        cases: sorted by name.
        problems: for each sub-folder that is not a valid case, by its name, why.
    """

    cases: tuple[Case, ...]
    problems: Mapping[str, str] = field(default_factory=dict)


def find_cases(
    folder: Path, *, mounted: bool = False, needed: Collection[Modality] = MODALITIES, separator: str = "-"
) -> FoundCases:
    """The cases of a folder of case folders, or of one case folder.

    Hidden files and sub-folders without any NIfTI file are ignored.

    Args:
        folder: contains case folders, or the images of one case.
        mounted: the folder is a mount point with a meaningless name, so a single case in it
            gets its id from the common part of its files' names.
        needed: the modalities that a case must have; MEN-RT needs only t1c (`Edition.needed`).
        separator: what messages put before a modality in a file's name (`Edition.separator`);
            files are found with either, because teams rename theirs.

    Raises:
        InputError: the folder does not exist, or contains no case at all.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder, expected a folder of cases. Check the path.")
    folder = folder.resolve()
    if any(_modality(path) for path in _files(folder)):
        return _collect([(_shared_stem(_files(folder)) if mounted else folder.name, _files(folder))], folder, needed)
    entries = [(entry.name, _files(entry)) for entry in _visible(folder) if entry.is_dir()]
    entries = [(name, files) for name, files in entries if any(_IMAGE_NAME.match(path.name) for path in files)]
    if not entries:
        raise InputError(
            f"{folder}: contains no case, expected folders with files that end in "
            f"{', '.join(f'{separator}{m}.nii.gz' for m in needed)}. Check the path."
        )
    return _collect(entries, folder, needed)


def case_of_files(files: Sequence[Path]) -> Case:
    """The case of some image files; its id is the common part of their names.

    Raises:
        InputError: a file does not exist, its name contains no modality, or two files have the
            same modality.
    """
    for path in files:
        if not path.is_file():
            raise InputError(f"{path}: is not a file, expected an image. Check the path.")
        if _modality(path) is None and not _is_reference(path):
            raise InputError(
                f"{path}: its name does not end in a modality, expected "
                f"{' or '.join(f'-{m}.nii.gz' for m in MODALITIES)}. Rename it."
            )
    return _case(_shared_stem(files), files, None, MODALITIES)


def _collect(entries: Iterable[tuple[str, Sequence[Path]]], root: Path, needed: Collection[Modality]) -> FoundCases:
    cases, problems = [], {}
    for name, files in entries:
        try:
            cases.append(_case(name, files, root, needed))
        except InputError as error:
            problems[name] = str(error)
    return FoundCases(tuple(cases), problems)


def _case(case_id: str, files: Sequence[Path], root: Path | None, needed: Collection[Modality]) -> Case:
    images: dict[Modality, Path] = {}
    wrong: list[str] = []
    for path in files:
        modality = _modality(path)
        if modality is None:
            continue
        if modality in images:
            wrong.append(f"{path}: is a second {modality} beside {images[modality].name}. Keep one of them.")
        elif root is not None and not path.resolve().is_relative_to(root):
            wrong.append(f"{path}: links to a file outside {root}. Replace the link by the file.")
        images[modality] = path
    missing = [modality for modality in MODALITIES if modality in needed and modality not in images]
    if missing:
        place = files[0].parent if files else case_id
        wrong.append(
            f"{place}: has no {' and no '.join(missing)}, expected {', '.join(needed)}. Add the missing images."
        )
    if wrong:
        raise InputError("\n".join(wrong))
    return Case(case_id, images, next((path for path in files if _is_reference(path)), None))


def _modality(path: Path) -> Modality | None:
    match = _IMAGE_NAME.match(path.name)
    return _SUFFIXES.get(match["suffix"].lower()) if match else None


def _is_reference(path: Path) -> bool:
    match = _IMAGE_NAME.match(path.name)
    return match is not None and match["suffix"].lower() in _REFERENCE_SUFFIXES


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _files(folder: Path) -> list[Path]:
    return [path for path in _visible(folder) if not path.is_dir()]


def _shared_stem(files: Sequence[Path]) -> str:
    stems = [match["stem"] or "" for path in files if _modality(path) and (match := _IMAGE_NAME.match(path.name))]
    shared = ""
    for letters in zip(*stems, strict=False):
        if len(set(letters)) > 1:
            break
        shared += letters[0]
    return shared.rstrip("-_. ") or "case"
