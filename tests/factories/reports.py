"""Two small submissions of two cases with images, scored and ready to be reported."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bratseval.challenge import MODALITIES, edition
from bratseval.files.nifti import grid_of, write_image
from bratseval.results.parallel import score_pairs
from bratseval.results.tables import write_tables
from factories.scores import submission_of
from factories.submissions import AFFINE, CUBE, OTHER, SHAPE, pairs_of, write_prediction, write_reference

HOSTILE = "<script>document.title='owned'</script>"
CASES = ("BraTS-SSA-00001-000", "BraTS-SSA-00002-000")
SPURIOUS = (34, 37, 20, 23, 16, 19, 2)


def write_submissions(root: Path) -> Sequence[Path]:
    """The scores.json of a submission that finds one lesion of two, and of one that finds both and one too many."""
    scores = []
    for name, boxes in (("first", (CUBE,)), ("second", (CUBE, OTHER, SPURIOUS))):
        place = root / name
        for case in CASES:
            write_reference(place, case, CUBE, OTHER)
            write_prediction(place, case, *boxes)
        rules = edition("ssa-2023")
        write_tables(place / "out", submission_of(score_pairs(pairs_of(place), rules), rules.name), rules)
        scores.append(place / "out" / "scores.json")
    for number, case in enumerate(CASES):
        write_images(root / "cases" / case, case, number)
    return scores


def write_images(folder: Path, case: str, seed: int) -> None:
    """Four modalities: a bright ball of noise in the dark."""
    folder.mkdir(parents=True)
    x, y, z = (np.linspace(-1, 1, side) for side in SHAPE)
    inside = x[:, None, None] ** 2 + y[None, :, None] ** 2 + z[None, None, :] ** 2 < 1
    random = np.random.default_rng(seed)
    for modality in MODALITIES:
        voxels = np.where(inside, random.normal(300, 40, SHAPE), 0).astype(np.float32)
        write_image(folder / f"{case}-{modality}.nii.gz", voxels, grid_of(SHAPE, AFFINE))
