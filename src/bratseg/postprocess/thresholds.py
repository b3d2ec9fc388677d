"""Thresholds of the post-processing: what they are, and how they stand in clusters.json."""

from dataclasses import dataclass
from typing import Final, Literal

from bratseval.challenge import LABEL_NAMES, REGIONS
from bratseval.files.json_fields import Fields

Mode = Literal["labels", "regions"]
Fill = Literal["background", "surrounding"]

LABEL_BY_NAME: Final = {name: label for label, name in LABEL_NAMES.items()}


@dataclass(frozen=True)
class Removal:
    """Small components of a label (NCR, ED, ET) or of a region (WT, TC, ET) are removed.

    Attributes:
        below_mm3: volume below which, strictly, a component is small; 0 keeps all. In
            mm3 so that it means the same at every voxel size; the paper counts voxels
            of 1 mm3.
    """

    of: str
    below_mm3: float


@dataclass(frozen=True)
class Redefinition:
    """A label that makes up too little of the tumour becomes another one.

    Attributes:
        below_ratio: part of WT's voxels, 0 to 1, below which, strictly, it does; 0 keeps it.
    """

    label: str
    below_ratio: float
    to: str


@dataclass(frozen=True)
class Thresholds:
    """All that is done to a segmentation: first the removals, then the redefinitions, each in their order."""

    remove: tuple[Removal, ...]
    redefine: tuple[Redefinition, ...]


def read_thresholds(table: Fields, mode: Mode) -> Thresholds:
    """The table's `remove` and `redefine`.

    Raises:
        InputError: a key is missing, unknown or out of range; a name is none of the
            mode's; something is removed or redefined twice.
    """
    thresholds = Thresholds(
        remove=tuple(_removal(row, mode) for row in table.tables("remove")),
        redefine=tuple(_redefinition(row) for row in table.tables("redefine")),
    )
    table.done()
    for key, names in (
        ("remove", [removal.of for removal in thresholds.remove]),
        ("redefine", [redefinition.label for redefinition in thresholds.redefine]),
    ):
        if len(set(names)) != len(names):
            raise table.error("names something twice", "each once", ", ".join(names), key)
    return thresholds


def _removal(row: Fields, mode: Mode) -> Removal:
    removal = Removal(row.text("of", tuple(LABEL_BY_NAME if mode == "labels" else REGIONS)), row.number("below_mm3"))
    row.done()
    if removal.below_mm3 < 0:
        raise row.error("is impossible", "0 or more", removal.below_mm3, "below_mm3")
    return removal


def _redefinition(row: Fields) -> Redefinition:
    labels = tuple(LABEL_BY_NAME)
    redefinition = Redefinition(row.text("label", labels), row.number("below_ratio"), row.text("to", labels))
    row.done()
    if not 0 <= redefinition.below_ratio <= 1:
        raise row.error("is impossible", "0 to 1", redefinition.below_ratio, "below_ratio")
    if redefinition.label == redefinition.to:
        raise row.error("changes nothing", f"another label than {redefinition.label}", redefinition.to, "to")
    return redefinition
