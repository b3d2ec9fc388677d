"""Sha256 in hexadecimal, of a file, of bytes and of what JSON can say."""

import hashlib
import json
from pathlib import Path


def sha256_of_file(path: Path) -> str:
    """The digest of a file's content, read piece by piece.

    Raises:
        OSError: the file can't be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_bytes(content: bytes) -> str:
    """The digest of some bytes."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_json(content: object) -> str:
    """The digest of `content` as JSON with sorted keys: the same however its tables are ordered."""
    return sha256_of_bytes(json.dumps(content, sort_keys=True).encode())
