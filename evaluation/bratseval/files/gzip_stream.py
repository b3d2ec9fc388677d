"""The uncompressed bytes of a plain or gzip file, block by block, verified to its end."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from isal import isal_zlib
from isal.igzip_lib import IsalError

from bratseval.errors import InputError

MAX_FILE_BYTES: Final = 2 * 1024**3
HEAD_BYTES: Final = 352  # the first block holds at least this much if the file does
_CHUNK_BYTES: Final = 1024**2


@contextlib.contextmanager
def open_regular(path: Path) -> Iterator[int]:
    """A descriptor of a regular file of at most MAX_FILE_BYTES; a FIFO or a device does not block.

    Raises:
        InputError: the file cannot be opened, or is empty, too large or not a regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror}). Check its path and permissions.") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path}: is not a regular file. Check the path.")
        if status.st_size == 0:
            raise InputError(f"{path}: is empty. Copy or export the file again.")
        if status.st_size > MAX_FILE_BYTES:
            raise InputError(f"{path}: has {status.st_size} bytes, expected at most {MAX_FILE_BYTES}. Check the file.")
        yield descriptor
    finally:
        os.close(descriptor)


def stream(path: Path, descriptor: int) -> Iterator[bytes]:
    """The uncompressed bytes in blocks; the first has at least HEAD_BYTES if the file has as many.

    The gzip trailer (CRC and length) is checked when the last block has been taken.
    """
    compressed = path.name.lower().endswith(".gz")
    first = os.pread(descriptor, 2, 0)
    if compressed and first != b"\x1f\x8b":
        looks = (
            "a plain NIfTI file: rename it to .nii"
            if os.pread(descriptor, 4, 344) == b"n+1\0"
            else "not gzip data: copy it again"
        )
        raise InputError(f"{path}: is named .gz but is {looks}.")
    if not compressed and first == b"\x1f\x8b":
        raise InputError(f"{path}: is gzip data but is not named .gz. Rename it to .nii.gz.")
    try:
        yield from _gathered(_inflate(path, descriptor) if compressed else _blocks(descriptor))
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror or error}). Check the disk and copy it again."
        ) from None


def _gathered(blocks: Iterator[bytes]) -> Iterator[bytes]:
    head = b""
    for block in blocks:
        head += block
        if len(head) >= HEAD_BYTES:
            yield head
            break
    else:
        yield head
    yield from blocks


def _blocks(descriptor: int) -> Iterator[bytes]:
    while block := os.read(descriptor, _CHUNK_BYTES):
        yield block


def _inflate(path: Path, descriptor: int) -> Iterator[bytes]:
    """The content of gzip members one after another, each verified at its end; at most one block is in memory."""
    pending = os.read(descriptor, _CHUNK_BYTES)
    while pending:
        member = isal_zlib.decompressobj(wbits=31)
        while not member.eof:
            if not pending:
                pending = os.read(descriptor, _CHUNK_BYTES)
                if not pending:
                    raise InputError(f"{path}: the gzip data is cut short. Copy or export the file again.")
            try:
                block = member.decompress(pending, _CHUNK_BYTES)
            except IsalError as error:  # type: ignore[misc]  # the stub does not say that it is an exception
                raise InputError(
                    f"{path}: the gzip data is damaged ({error}). Copy or export the file again."
                ) from None
            pending = member.unused_data if member.eof else member.unconsumed_tail
            if block:
                yield block
        pending = pending or os.read(descriptor, _CHUNK_BYTES)
        if pending and pending[:2] != b"\x1f\x8b"[: len(pending)]:
            raise InputError(f"{path}: there is extra data after the gzip data. Copy or export the file again.")
