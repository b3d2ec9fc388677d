"""The cases of the campaign demonstration: phantoms of two hospitals with different scanners."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bratseg.phantoms import make_phantom, write_phantom
from bratseg.phantoms.scanner import low_field

_BOX_MM: Final = (164.0, 204.0, 156.0)  # holds every phantom's brain
# Seeds far from those of the bundled weights and of the other demonstration
_FIRST_SEEDS: Final = {"GLI": 910_000, "GLI-test": 920_000, "SSA": 930_000, "SSA-test": 940_000}


@dataclass(frozen=True)
class Size:
    """How large the demonstration is.

    Attributes:
        spacing_mm: voxel edge of all phantoms.
        pretrain, finetune: cases of each domain; `tests` more of each are not trained on.
        clusters: numbers of clusters to try.
        patch: edge in voxels.
        features, channels: width of U-Net and MedNeXt.
        pretrain_epochs, finetune_epochs: of `iterations` batches.
    """

    spacing_mm: float
    pretrain: int
    finetune: int
    tests: int
    folds: int
    clusters: tuple[int, ...]
    patch: int
    features: int
    channels: int
    iterations: int
    pretrain_epochs: int
    finetune_epochs: int


FULL: Final = Size(3.0, 24, 15, 4, 3, (2, 3, 4), 32, 8, 8, 30, 8, 2)
SMALL: Final = Size(5.0, 4, 6, 1, 2, (2,), 32, 4, 4, 2, 1, 1)


@dataclass(frozen=True)
class DemoCases:
    """Folders of case folders: both domains, and cases of both that are not trained on."""

    pretrain: Path
    finetune: Path
    pretrain_test: Path
    finetune_test: Path


def make_hospitals(folder: Path, size: Size) -> DemoCases:
    """Make the cases that are not there yet; the same size gives the same cases."""
    counts = {"GLI": size.pretrain, "GLI-test": size.tests, "SSA": size.finetune, "SSA-test": size.tests}
    for name, count in counts.items():
        for case, seed in _missing(folder / name, name, count):
            x, y, z = (round(edge / size.spacing_mm) for edge in _BOX_MM)
            phantom = make_phantom(seed, shape=(x, y, z), spacing_mm=(size.spacing_mm,) * 3)
            write_phantom(folder / name, case, low_field(seed, phantom) if name.startswith("SSA") else phantom)
    return DemoCases(folder / "GLI", folder / "SSA", folder / "GLI-test", folder / "SSA-test")


def _missing(folder: Path, name: str, count: int) -> Iterator[tuple[str, int]]:
    for number in range(count):
        seed = _FIRST_SEEDS[name] + number
        case = f"BraTS-{name.removesuffix('-test')}-{seed % 100_000:05d}-000"
        if not (folder / case / f"{case}-seg.nii.gz").exists():  # written last
            yield case, seed
