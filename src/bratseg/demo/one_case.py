"""One case from images to a scored, drawn segmentation: what a newcomer sees first."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseg.inference.config import Config
from bratseg.inference.load import load_ensemble
from bratseg.inference.run import CaseResult, run_cases, write_report
from bratseg.phantoms import make_phantom, write_phantom
from bratseval.challenge import EDITIONS
from bratseval.errors import InputError
from bratseval.files.case_images import case_in_lps, read_case
from bratseval.files.cases import Case, find_cases
from bratseval.files.nifti import read_labels
from bratseval.files.orientation import to_lps
from bratseval.report.picture import draw_case
from bratseval.scoring.case import score_case
from bratseval.scoring.result import ScoredCase

EDITION: Final = "ssa-2023"  # regions WT, TC, ET with the lesion-wise rules of adult glioma
PHANTOM_SEED: Final = 900_001  # far from the seeds of the training


@dataclass(frozen=True)
class Demo:
    """Where everything is, and what the segmentation scores where the case has a reference."""

    result: CaseResult
    segmentation: Path
    picture: Path
    report: Path
    score: ScoredCase | None


def phantom_case(folder: Path) -> Path:
    """Make the phantom of the demonstration in `folder`; gives its case folder."""
    case = f"BraTS-PHA-{PHANTOM_SEED % 100_000:05d}-000"
    write_phantom(folder, case, make_phantom(PHANTOM_SEED))
    return folder / case


def run_demo(
    case_folder: Path,
    output: Path,
    config: Config,
    *,
    weights: Path | None = None,
    device: str | None = None,
    on_tile: Callable[[int, int, int, int], None] = lambda *_: None,
) -> Demo:
    """Segment one case, score it if it has a reference, draw it.

    Args:
        case_folder: holds the images of one case, and perhaps its `-seg`.
        output: gets segmentations/, report.json and picture.png.

    Raises:
        InputError: the folder holds no case or several, or the case is invalid.
    """
    found = find_cases(case_folder)
    if len(found.cases) != 1 or found.problems:
        told = "\n".join(found.problems.values()) or f"{case_folder}: holds {len(found.cases)} cases, expected one."
        raise InputError(told)
    case = found.cases[0]
    segmentations = output / "segmentations"
    segmentations.mkdir(parents=True, exist_ok=True)
    with load_ensemble(weights, config, device) as (ensemble, settings):
        (result,) = run_cases(
            found, segmentations, ensemble, settings, resume=False, on_tile=on_tile, on_case=lambda _: None
        )
    if result.state not in ("ok", "degraded"):
        raise InputError(f"{case.id}: {result.reason}")
    report, picture = output / "report.json", output / "picture.png"
    write_report(report, [result], settings, result.seconds)
    segmentation = segmentations / f"{case.id}.nii.gz"
    _draw(picture, case, segmentation)
    return Demo(result, segmentation, picture, report, _score(case, segmentation))


def _draw(picture: Path, case: Case, segmentation: Path) -> None:
    images = case_in_lps(read_case(case)).images
    reference = None if case.reference is None else _labels(case.reference)
    draw_case(picture, case.id, images, _labels(segmentation), reference)


def _labels(path: Path) -> NDArray[np.uint8]:
    image = read_labels(path)
    return to_lps(image.voxels, image.grid.affine)


def _score(case: Case, segmentation: Path) -> ScoredCase | None:
    if case.reference is None:
        return None
    prediction, reference = read_labels(segmentation), read_labels(case.reference)
    return score_case(prediction.voxels, reference.voxels, reference.grid.spacing_mm, EDITIONS[EDITION])
