"""Files that appear complete or not at all, also after a crash or a power cut."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PARTIAL: Final = ".brats-harness-partial"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the place of `path` when the block ends.

    Both the content and the folder's entry are on the disk afterwards (fsync). Where
    the block raises, what it wrote is removed and `path` stays as it was.

    Raises:
        OSError: the file can't be put in place; nothing is left behind.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}{_PARTIAL}")
    try:
        yield partial
        _sync(partial)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file that appears complete or not at all.

    Raises:
        OSError: the disk refuses; nothing is left behind.
    """
    with replacing(path) as partial:
        partial.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of UTF-8; what is no character, as in some file names, is written as a backslash escape."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, content: object) -> None:
    """`write_text` of JSON, indented by one.

    Raises:
        ValueError: `content` holds NaN or infinity, which JSON does not know.
    """
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def remove_partial_files(folder: Path) -> list[str]:
    """Delete what a killed writer left in `folder`; gives the names, none if there were none."""
    left = sorted(folder.glob(f".*{_PARTIAL}"))
    for path in left:
        path.unlink()
    return [path.name for path in left]


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
