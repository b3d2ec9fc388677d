"""The files of a submission: a folder, a zip or a tar archive.

The platform moves an archive's files out of their sub-folders and ignores what operating
systems and editors leave behind (__MACOSX, .DS_Store). The same is done here, for a folder
too. Links, owners, absolute paths and sizes that an archive declares are not trusted.

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
from bratseval.submission.unpacking import MAX_ENTRIES, MAX_UNPACKED_BYTES, UnpackFolder, bounded

NIFTI_END: Final = ".nii.gz"
# Files whose names start so, and all files in an .idea folder, are ignored (_is_hidden of the platform).
_IGNORED: Final = ("__", "._", "~", ".DS_Store", ".idea")


@dataclass(frozen=True)
class SubmissionFile:
    """One file of a submission.

    Attributes:
        display_name: its name in messages: its path, or `archive.zip:folder/name.nii.gz`.
        inner_path: its path inside the submission, with `/`.
        path: where it can be read; None if it cannot be used.
        problem: why it cannot be used, a whole message; empty if it can.
    """

    display_name: str
    inner_path: str
    path: Path | None
    problem: str = ""

    @property
    def name(self) -> str:
        """The file name without folders."""
        return PurePosixPath(self.inner_path).name


@contextlib.contextmanager
def open_submission(submission: Path) -> Iterator[tuple[SubmissionFile, ...]]:
    """The files of a folder or an archive, sorted by their inner paths; empty for an empty folder.

    From an archive only .nii.gz files are unpacked, into a temporary folder that is deleted
    when the context ends; all other files are listed with a problem.

    Raises:
        InputError: it is neither a folder nor a readable archive, or exceeds the caps.
        OSError: the temporary folder cannot be written.
    """
    if submission.is_dir():
        yield tuple(sorted(_of_folder(submission), key=lambda file: file.inner_path))
        return
    with tempfile.TemporaryDirectory(prefix="bratseval-") as folder:
        yield tuple(sorted(_of_archive(submission, Path(folder)), key=lambda file: file.inner_path))


def is_ignored(inner_path: str) -> bool:
    """Whether the platform, and so this harness, ignores the file."""
    path = PurePosixPath(inner_path)
    return path.name.startswith(_IGNORED) or ".idea" in path.parts


# Folders


def _of_folder(folder: Path) -> list[SubmissionFile]:
    root = folder.resolve()
    files: list[SubmissionFile] = []
    for inner_path, path in _walk(folder):
        if is_ignored(inner_path):
            continue
        files.append(SubmissionFile(str(path), inner_path, *_usable(path, root)))
        if len(files) > MAX_ENTRIES:
            raise InputError(
                f"{folder}: contains more than {MAX_ENTRIES} files, too many for a submission. Check the path."
            )
    return files


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Inner path and path of every file below a folder; links to folders are not followed."""

    def unlisted(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot be listed ({error.strerror}). Check its permissions.")

    for parent, folders, files in os.walk(folder, onerror=unlisted):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in (*files, *links):
            path = Path(parent, name)
            yield path.relative_to(folder).as_posix(), path


def _usable(path: Path, root: Path) -> tuple[Path | None, str]:
    """The path and no problem, or None and the problem that keeps it from being read."""
    if path.is_symlink() and not path.resolve().is_relative_to(root):
        return None, f"{path}: links to a file outside {root}. Replace the link by the file."
    if not path.is_file():
        return None, f"{path}: is not a regular file. Replace it by the image file."
    return path, ""


# Archives


def _of_archive(archive: Path, folder: Path) -> list[SubmissionFile]:
    with open_regular(archive) as descriptor:
        start = os.pread(descriptor, 512, 0)
    try:
        if start[:2] == b"PK":
            return _of_zip(archive, folder)
        if start[:2] == b"\x1f\x8b" or start[257:262] == b"ustar":
            return _of_tar(archive, folder)
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError) as error:
        raise InputError(f"{archive}: is damaged ({error}). Pack the files again.") from None
    raise InputError(f"{archive}: is not an archive, expected a folder, .zip, .tar or .tar.gz. Pack the files again.")


def _of_zip(archive: Path, folder: Path) -> list[SubmissionFile]:
    with zipfile.ZipFile(archive) as packed:
        target = UnpackFolder(archive, folder)
        return [
            _unpacked(target, member.filename, _zip_problem(member), partial(packed.open, member))
            for member in packed.infolist()
            if not member.is_dir() and not is_ignored(member.filename)
        ]


def _zip_problem(member: zipfile.ZipInfo) -> str:
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
        return "is a link or a device, expected a file. Pack the file itself."
    if member.flag_bits & 1:
        return "is encrypted. Pack the files without a password."
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed in an unusual way, expected deflate. Pack the files again."
    return ""


def _of_tar(archive: Path, folder: Path) -> list[SubmissionFile]:
    files = []
    with bounded(archive, MAX_UNPACKED_BYTES) as stream, tarfile.open(fileobj=stream, mode="r:") as packed:
        target = UnpackFolder(archive, folder)
        for member in packed:
            if not member.isdir() and not is_ignored(member.name):
                problem = "" if member.isreg() else "is a link or a device, expected a file. Pack the file itself."
                files.append(_unpacked(target, member.name, problem, partial(_content, packed, member)))
    return files


def _content(packed: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = packed.extractfile(member)
    if content is None:
        raise tarfile.ReadError(f"{member.name} holds no data")
    return content


def _unpacked(target: UnpackFolder, inner_path: str, problem: str, content: Callable[[], IO[bytes]]) -> SubmissionFile:
    """One file of an archive; unpacked if it is an image."""
    display_name = f"{target.archive}:{inner_path}"
    target.count()
    if not problem and not inner_path.endswith(NIFTI_END):
        problem = "is not a .nii.gz file; the platform rejects the whole submission. Remove it."
    if problem:
        return SubmissionFile(display_name, inner_path, None, f"{display_name}: {problem}")
    try:
        return SubmissionFile(display_name, inner_path, target.put(PurePosixPath(inner_path).name, content))
    except InputError as error:
        return SubmissionFile(display_name, inner_path, None, f"{display_name}: {error}")
