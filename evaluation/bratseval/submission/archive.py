"""The files of a submission: in a folder, a zip or a tar archive, all told by their own names without folders.

The platform takes an archive's files out of their sub-folders and passes over what systems
and editors leave behind. The same is done here, with a folder too, and nothing that an
archive says about links, owners, absolute paths or its own size is believed.

Source: validate.py and its archive functions, Sage-Bionetworks-Challenges/brats2023@f429fcc.
"""

import contextlib
import gzip
import os
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Final

from bratseval.errors import InputError
from bratseval.files.gzip_stream import open_regular
from bratseval.submission.unpacking import MAX_ENTRIES, MAX_UNPACKED_BYTES, Room, bounded

NIFTI_END: Final = ".nii.gz"
# Files that start so, and whatever lies in an .idea folder, are passed over (_is_hidden of the platform)
_PASSED_OVER: Final = ("__", "._", "~", ".DS_Store", ".idea")


@dataclass(frozen=True)
class Entry:
    """One file of a submission.

    Attributes:
        told: how messages call it: its path, or `archive.zip:folder/name.nii.gz`.
        place: its path inside the submission, with `/`.
        path: where it can be read; None when it can't.
        problem: why it can't, in words.
    """

    told: str
    place: str
    path: Path | None
    problem: str = ""

    @property
    def name(self) -> str:
        """Its own name, without folders."""
        return PurePosixPath(self.place).name


@contextlib.contextmanager
def open_submission(submission: Path) -> Iterator[tuple[Entry, ...]]:
    """The files of a folder or an archive in the order of their places; unpacked ones live as long as the context.

    Of an archive only .nii.gz files are unpacked, into a folder of their own under the
    system's temporary one; the rest is listed.

    Raises:
        InputError: it is neither a folder nor a readable archive, or exceeds the caps.
        OSError: the temporary folder can't be written.
    """
    if submission.is_dir():
        yield tuple(sorted(_of_folder(submission), key=lambda entry: entry.place))
        return
    with tempfile.TemporaryDirectory(prefix="bratseval-") as folder:
        yield tuple(sorted(_of_archive(submission, Path(folder)), key=lambda entry: entry.place))


def is_passed_over(place: str) -> bool:
    """Whether the platform, and so this harness, acts as if the file were not there."""
    return PurePosixPath(place).name.startswith(_PASSED_OVER) or ".idea" in PurePosixPath(place).parts


# Folders


def _of_folder(folder: Path) -> list[Entry]:
    root = folder.resolve()
    entries: list[Entry] = []
    for place, path in _walk(folder):
        if is_passed_over(place):
            continue
        entries.append(Entry(str(path), place, *_usable(path, root)))
        if len(entries) > MAX_ENTRIES:
            raise InputError(f"{folder}: holds more than {MAX_ENTRIES} files. This is no submission.")
    return entries


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below a folder, without following links to folders."""

    def unlisted(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot be listed ({error.strerror}). Check its permissions.")

    for parent, folders, files in os.walk(folder, onerror=unlisted):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in (*files, *links):
            path = Path(parent, name)
            yield path.relative_to(folder).as_posix(), path


def _usable(path: Path, root: Path) -> tuple[Path | None, str]:
    """The path, or the reason why it is not to be read."""
    if path.is_symlink() and not path.resolve().is_relative_to(root):
        return None, f"{path}: links to a file outside {root}. Put the file itself there."
    if not path.is_file():
        return None, f"{path}: is not a regular file. Put the image file itself there."
    return path, ""


# Archives


def _of_archive(archive: Path, folder: Path) -> list[Entry]:
    with open_regular(archive) as descriptor:
        start = os.pread(descriptor, 512, 0)
    try:
        if start[:2] == b"PK":
            return _of_zip(archive, folder)
        if start[:2] == b"\x1f\x8b" or start[257:262] == b"ustar":
            return _of_tar(archive, folder)
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError) as error:
        raise InputError(f"{archive}: is damaged ({error}). Pack the files again.") from None
    raise InputError(f"{archive}: is no archive, expected a folder, a .zip, a .tar or a .tar.gz. Pack the files again.")


def _of_zip(archive: Path, folder: Path) -> list[Entry]:
    with zipfile.ZipFile(archive) as packed:
        room = Room(archive, folder)
        return [
            _unpacked(room, member.filename, _zip_problem(member), partial(packed.open, member))
            for member in packed.infolist()
            if not member.is_dir() and not is_passed_over(member.filename)
        ]


def _zip_problem(member: zipfile.ZipInfo) -> str:
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
        return "is a link or a device, expected a file. Pack the file itself."
    if member.flag_bits & 1:
        return "is encrypted. Pack the files without a password."
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed in an unusual way, expected deflate. Pack the files again."
    return ""


def _of_tar(archive: Path, folder: Path) -> list[Entry]:
    entries = []
    with bounded(archive, MAX_UNPACKED_BYTES) as stream, tarfile.open(fileobj=stream, mode="r:") as packed:
        room = Room(archive, folder)
        for member in packed:
            if not member.isdir() and not is_passed_over(member.name):
                problem = "" if member.isreg() else "is a link or a device, expected a file. Pack the file itself."
                entries.append(_unpacked(room, member.name, problem, partial(_content, packed, member)))
    return entries


def _content(packed: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = packed.extractfile(member)
    if content is None:
        raise tarfile.ReadError(f"{member.name} holds no data")
    return content


def _unpacked(room: Room, place: str, problem: str, content: Callable[[], IO[bytes]]) -> Entry:
    """One file of an archive; unpacked if it is an image."""
    told = f"{room.archive}:{place}"
    room.count()
    if not problem and not place.endswith(NIFTI_END):
        problem = "is no .nii.gz file. Leave it out."
    if problem:
        return Entry(told, place, None, f"{told}: {problem}")
    try:
        return Entry(told, place, room.put(PurePosixPath(place).name, content))
    except InputError as error:
        return Entry(told, place, None, f"{told}: {error}")
