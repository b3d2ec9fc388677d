"""The demonstration on one case: where its files lie, and its segmentation as volumes and as a picture.

    OUTPUT/cases/CASE/          the phantom, or a link to the case that was named
    OUTPUT/predictions/         CASE.nii.gz
    OUTPUT/scores/              the tables of `bratseval score`
    OUTPUT/leaderboard.db       the result as an entry
    OUTPUT/report/report.html   the leaderboard and the case, for a browser
    OUTPUT/picture.png, OUTPUT/run.json

`bratseval check`, `score`, `rank` and `report` take these paths as they are.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseg.inference.config import Config
from bratseg.inference.load import load_ensemble
from bratseg.inference.run import CaseResult, run_cases, write_report
from bratseg.phantoms import make_phantom, write_phantom
from bratseval.errors import InputError, UsageError
from bratseval.files.case_images import case_in_lps, read_case
from bratseval.files.cases import Case, FoundCases, find_cases
from bratseval.files.nifti import read_labels
from bratseval.files.orientation import to_lps
from bratseval.report.picture import draw_case

PHANTOM_SEED: Final = 900_001  # far from the seeds of the training


@dataclass(frozen=True)
class DemoFolder:
    """The paths inside the folder of a demonstration."""

    root: Path

    @property
    def cases(self) -> Path:
        """The case folders: the phantom, and links to cases that have a reference."""
        return self.root / "cases"

    @property
    def predictions(self) -> Path:
        """Segmentations, each called after its case."""
        return self.root / "predictions"

    @property
    def run_report(self) -> Path:
        """What `bratseg infer --report` writes."""
        return self.root / "run.json"

    @property
    def picture(self) -> Path:
        """The slice with the most tumour."""
        return self.root / "picture.png"

    @property
    def scores(self) -> Path:
        """The tables of `bratseval score`."""
        return self.root / "scores"

    @property
    def leaderboard(self) -> Path:
        """The leaderboard's file."""
        return self.root / "leaderboard.db"

    @property
    def report(self) -> Path:
        """The folder of report.html."""
        return self.root / "report"

    def prediction(self, case: Case) -> Path:
        """The segmentation of a case."""
        return self.predictions / f"{case.id}.nii.gz"


@dataclass(frozen=True)
class DemoSegmentation:
    """How the segmentation of a case ended, and the name of the weights that made it."""

    result: CaseResult
    weights: str


def phantom_case(folder: DemoFolder) -> Path:
    """Make the phantom of the demonstration; returns its case folder."""
    return write_phantom(folder.cases, f"BraTS-PHA-{PHANTOM_SEED % 100_000:05d}-000", make_phantom(PHANTOM_SEED))


def single_case(path: Path) -> Case:
    """The case in a folder.

    Args:
        path: a case folder, or a folder that holds one.

    Raises:
        InputError: it holds no case, several, or a folder that is none.
    """
    found = find_cases(path)
    if len(found.cases) != 1 or found.problems:
        several = f"{path}: holds {len(found.cases)} cases, expected one. Name a single case folder."
        raise InputError("\n".join(found.problems.values()) or several)
    return found.cases[0]


def link_case(case: Case, folder: DemoFolder) -> None:
    """Make a case appear in `folder.cases`; nothing is copied, and a case that lies there stays as it is.

    Raises:
        UsageError: another case of the same name lies there.
    """
    source = next(iter(case.images.values())).parent.resolve()
    link = folder.cases / case.id
    folder.cases.mkdir(parents=True, exist_ok=True)
    if link.is_symlink():
        link.unlink()
    if not link.exists():
        link.symlink_to(source, target_is_directory=True)
    elif link.resolve() != source:
        raise UsageError(f"{link}: is another case of the same name. Choose another output with -o.")


def segment_case(
    case: Case, folder: DemoFolder, config: Config, *, weights: Path | None, device: str | None
) -> DemoSegmentation:
    """Segment a case into `folder.prediction(case)`, and write `folder.run_report`.

    Args:
        weights, device: as `load_ensemble` takes them.

    Raises:
        InputError: the weights do not verify, or the device is not there.
    """
    folder.predictions.mkdir(parents=True, exist_ok=True)
    with load_ensemble(weights, config, device) as (ensemble, settings):
        (result,) = run_cases(FoundCases((case,)), folder.predictions, ensemble, settings)
    write_report(folder.run_report, [result], settings, result.seconds)
    return DemoSegmentation(result, settings.weights)


def draw_segmentation(case: Case, folder: DemoFolder) -> None:
    """Write `folder.picture`: the case's images with its segmentation, and its reference if it has one."""
    images = case_in_lps(read_case(case)).images
    reference = None if case.reference is None else _labels(case.reference)
    draw_case(folder.picture, case.id, images, _labels(folder.prediction(case)), reference)


def _labels(path: Path) -> NDArray[np.uint8]:
    """(x, y, z) in LPS."""
    image = read_labels(path)
    return to_lps(image.voxels, image.grid.affine)
