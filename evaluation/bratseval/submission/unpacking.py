"""Files unpacked from an archive that cannot be trusted: within the caps on size, only into one temporary folder."""

import contextlib
import gzip
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

from bratseval.errors import InputError

MAX_ENTRIES: Final = 100_000  # the largest edition has some 1 500 cases
MAX_ENTRY_BYTES: Final = 1024**3
MAX_UNPACKED_BYTES: Final = 32 * 1024**3
_MAX_READ_BYTES: Final = 64 * 1024**2  # of an archive's headers in one read
_MAX_NAME_BYTES: Final = 255
_CHUNK_BYTES: Final = 1024**2


class UnpackFolder:
    """The temporary folder that one archive is unpacked into; each file gets a numbered folder of its own."""

    def __init__(self, archive: Path, folder: Path) -> None:
        self.archive = archive
        self._folder = folder
        self._entries = 0
        self._bytes = 0

    def count(self) -> None:
        """Count a file of the archive, unpacked or not.

        Raises:
            InputError: there are too many.
        """
        self._entries += 1
        if self._entries > MAX_ENTRIES:
            raise InputError(
                f"{self.archive}: contains more than {MAX_ENTRIES} files, too many for a submission. Check the path."
            )

    def put(self, name: str, content: Callable[[], IO[bytes]]) -> Path:
        """Unpack one file under its own name.

        Raises:
            InputError: the name is not possible in a file system, the content is damaged or too large.
            OSError: the temporary folder cannot be written.
        """
        if "\0" in name or len(os.fsencode(name)) > _MAX_NAME_BYTES:
            raise InputError("has a name that no file system accepts. Rename it.")
        target = self._folder / str(self._entries) / name
        target.parent.mkdir()
        try:
            with content() as source, target.open("xb") as file:
                self._copy(source, file)
        except (zipfile.BadZipFile, zlib.error, EOFError, gzip.BadGzipFile, NotImplementedError) as error:
            raise InputError(f"is damaged ({error}). Pack it again.") from None
        return target

    def _copy(self, source: IO[bytes], file: IO[bytes]) -> None:
        copied = 0
        while block := source.read(_CHUNK_BYTES):
            copied += len(block)
            self._bytes += len(block)
            if copied > MAX_ENTRY_BYTES or self._bytes > MAX_UNPACKED_BYTES:
                raise InputError(
                    f"unpacks to more than {MAX_ENTRY_BYTES} bytes, or all files to more than {MAX_UNPACKED_BYTES}. "
                    "Segmentations are smaller: check the files."
                )
            file.write(block)


@contextlib.contextmanager
def bounded(archive: Path, limit: int) -> Iterator[IO[bytes]]:
    """The bytes of a tar archive, plain or gzip; reading raises InputError beyond `limit` unpacked bytes."""
    with archive.open("rb") as raw:
        compressed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not compressed:
            yield _Bounded(archive, raw, limit)  # type: ignore[misc]  # what tarfile needs of a file
            return
        with gzip.GzipFile(fileobj=raw) as unpacked:
            yield _Bounded(archive, unpacked, limit)  # type: ignore[misc,arg-type]


class _Bounded:
    """The read, seek and tell of a stream, limited to its first bytes."""

    def __init__(self, archive: Path, stream: IO[bytes], limit: int) -> None:
        self._archive = archive
        self._stream = stream
        self._limit = limit

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _MAX_READ_BYTES:
            raise InputError(f"{self._archive}: declares a header of {size} bytes. Pack the files again.")
        self._check(self._stream.tell() + size)
        return self._stream.read(size)

    def seek(self, position: int) -> int:
        self._check(position)
        return self._stream.seek(position)

    def tell(self) -> int:
        return self._stream.tell()

    def _check(self, position: int) -> None:
        if position > self._limit:
            raise InputError(
                f"{self._archive}: unpacks to more than {self._limit} bytes, too much for a submission. Check the path."
            )
