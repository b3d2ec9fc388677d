"""The recorded official numbers of made volumes, and those volumes as files."""

import json
from pathlib import Path
from typing import Any

from factories.places import GOLDEN
from golden.build import write_side


def edition_name(challenge: str) -> str:
    """The edition of 2023 of a challenge as the official script names it: "BraTS-GLI" is "gli-2023"."""
    return challenge.removeprefix("BraTS-").lower() + "-2023"


def recorded(name: str) -> Any:
    """The content of a file in tests/golden."""
    return json.loads((GOLDEN / name).read_text("utf-8"))


def write_pair(case: dict[str, Any], prediction: Path, reference: Path) -> None:
    """Write the two volumes of a case; their folders are made where they are not there."""
    for side, path in (("pred", prediction), ("gt", reference)):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_side(case, side, path)
