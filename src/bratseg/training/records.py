"""Small files whose presence means that a stage is finished: complete, or not there."""

import json
from pathlib import Path

from bratseval.files import atomic


def write_text(path: Path, text: str) -> None:
    """Write a text file, and the folders that it needs; it appears complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, text)


def write_json(path: Path, content: object) -> None:
    """`write_text` of JSON."""
    write_text(path, json.dumps(content, indent=1) + "\n")
