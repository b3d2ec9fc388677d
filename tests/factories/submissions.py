"""Small submissions on disk: references in case folders, predictions called after them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import edition
from bratseval.files.nifti import grid_of, write_labels
from bratseval.submission.archive import open_submission
from bratseval.submission.pairing import Pair, find_references, pair_files
from factories.boxes import labels_of

SHAPE = (40, 24, 20)
AFFINE = np.array([[-1.0, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]])
CUBE = (4, 8, 4, 8, 4, 8, 3)  # 4 x 4 x 4 = 64 voxels of ET, above the 50 mm3 of GLI and SSA
OTHER = (20, 24, 4, 8, 4, 8, 3)  # the same, further along x


def write(path: Path, labels: NDArray[np.uint8], affine: NDArray[np.float64] = AFFINE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_labels(path, labels, grid_of(labels.shape, affine))
    return path


def write_reference(root: Path, case: str, *boxes: tuple[int, ...]) -> Path:
    """The cube, or boxes, as root/references/<case>/<case>-seg.nii.gz."""
    return write(root / "references" / case / f"{case}-seg.nii.gz", labels_of(SHAPE, *(boxes or (CUBE,))))


def write_prediction(root: Path, name: str, *boxes: tuple[int, ...]) -> Path:
    """The cube, or boxes, as root/predictions/<name>.nii.gz."""
    return write(root / "predictions" / f"{name}.nii.gz", labels_of(SHAPE, *(boxes or (CUBE,))))


def pairs_of(root: Path, name: str = "ssa-2023") -> Sequence[Pair]:
    """What is in root/predictions beside root/references."""
    with open_submission(root / "predictions") as submission:
        return pair_files(submission, find_references(root / "references", edition(name)), edition(name)).pairs
