"""What the default weights reach on phantoms they never saw, and on a real case if one is named.

    python benchmarks/bench_default_weights.py [--weights FOLDER] [--phantoms 20]
        [--case FOLDER --reference FILE]

Phantoms have BraTS's geometry and go through files and the whole pipeline, as any case does.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bratseg.inference.config import read_config
from bratseg.inference.load import load_ensemble
from bratseg.inference.pipeline import Ensemble, segment
from bratseg.phantoms import make_phantom, write_phantom
from bratseval.challenge import EDITIONS, REGIONS
from bratseval.files.case_images import read_case
from bratseval.files.cases import Case, case_of_files, find_cases
from bratseval.files.nifti import read_labels
from bratseval.scoring.case import score_case
from bratseval.scoring.result import ScoredCase

FIRST_SEED = 700_000  # the trainings begin at 1 000 000
EDITION = EDITIONS["gli-2023"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="default: the bundled ones")
    parser.add_argument("--phantoms", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--case", type=Path, help="folder of a real case")
    parser.add_argument("--reference", type=Path, help="its segmentation")
    arguments = parser.parse_args()
    with load_ensemble(arguments.weights, read_config(), "cpu") as (ensemble, _):
        phantoms(ensemble, range(arguments.first_seed, arguments.first_seed + arguments.phantoms))
        if arguments.case:
            real(ensemble, arguments.case, arguments.reference)


def phantoms(ensemble: Ensemble, seeds: range) -> None:
    scores = []
    for seed, case in made(seeds):
        begun = time.perf_counter()
        prediction = segment(read_case(case), ensemble).labels
        seconds = time.perf_counter() - begun
        reference = read_labels(case.reference)
        scores.append(score_case(prediction, reference.voxels, reference.grid.spacing_mm, EDITION))
        show(f"phantom {seed}", scores[-1], f"{seconds:4.1f} s")
    for region in REGIONS:
        values = [score.regions[region]["LesionWise_Score_Dice"] for score in scores]
        plain = [score.regions[region]["Legacy_Dice"] for score in scores]
        print(
            f"{region} on {len(seeds)} phantoms: lesion-wise Dice mean {np.mean(values):.3f}, "
            f"median {np.median(values):.3f}, lowest {np.min(values):.3f}; Dice mean {np.mean(plain):.3f}"
        )


def made(seeds: range) -> Iterator[tuple[int, Case]]:
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            path = write_phantom(Path(folder), f"phantom-{seed}", make_phantom(seed))
            yield seed, find_cases(path).cases[0]


def real(ensemble: Ensemble, folder: Path, reference_path: Path | None) -> None:
    case = case_of_files(sorted(folder.glob("*.nii.gz")))
    prediction = segment(read_case(case), ensemble).labels
    if reference_path is None:
        print(f"{case.id}: voxels {dict(enumerate(np.bincount(prediction.ravel(), minlength=4).tolist()))}")
        return
    reference = read_labels(reference_path)
    show(case.id, score_case(prediction, reference.voxels, reference.grid.spacing_mm, EDITION), "")
    for region, labels in REGIONS.items():
        print(f"  {region} Dice {dice(prediction, reference.voxels, labels):.3f}")


def dice(prediction: NDArray[np.generic], reference: NDArray[np.generic], labels: frozenset[int]) -> float:
    predicted, labelled = np.isin(prediction, list(labels)), np.isin(reference, list(labels))
    return float(
        2 * np.count_nonzero(predicted & labelled) / max(np.count_nonzero(predicted) + np.count_nonzero(labelled), 1)
    )


def show(name: str, score: ScoredCase, rest: str) -> None:
    values = "  ".join(
        f"{region} {row['LesionWise_Score_Dice']:.3f} "
        f"(tp {row['Num_TP']:.0f} fn {row['Num_FN']:.0f} fp {row['Num_FP']:.0f})"
        for region, row in score.regions.items()
    )
    print(f"{name}: {values}  {rest}", flush=True)


if __name__ == "__main__":
    main()
