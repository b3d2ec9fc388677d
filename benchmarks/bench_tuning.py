"""The exact search over all thresholds against scoring every point again, on phantoms of BraTS size, as a ratio.

    python benchmarks/bench_tuning.py [--cases 60] [--blobs 60] [--jobs 2] [--edition ssa-2024] [--mode labels]
        [--fill background] [--sample 20] [--keep FOLDER]

Each case is a phantom (240x240x155) and a prediction that is a little off and has many small
components. The search gives the lesion-wise Dice and HD95 of every region at each of 20x20x20 sizes
times 20 ratios. Scoring again (`apply_thresholds`, `score_case`) is timed on a random sample of
(case, point) in the same run and extrapolated to all points: nobody waits for weeks. Seconds are of
the CPU (set OMP_NUM_THREADS=1); the sample's scores must be the table's to the last bit, else the exit code is 1.
Making phantoms takes longer than all the rest, so --keep stores their labels in a folder.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bratseg.phantoms import make_phantom
from bratseg.phantoms.mistakes import mistaken
from bratseg.postprocess.apply import apply_thresholds
from bratseg.tuning.grid import Point, ThresholdGrid
from bratseg.tuning.search import CaseTable, score_grid
from bratseval.challenge import EDITIONS
from bratseval.scoring.case import score_case
from bratseval.scoring.lesionwise import LESION_DICE, LESION_HD95

MM = (1.0, 1.0, 1.0)
FIRST_SEED = 20_000


@dataclass(frozen=True)
class Searched:
    """A case's table and the seconds of the CPU that it took."""

    table: CaseTable
    seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--blobs", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--edition", default="ssa-2024")
    parser.add_argument("--mode", choices=("labels", "regions"), default="labels")
    parser.add_argument("--fill", choices=("background", "surrounding"), default="background")
    parser.add_argument("--sample", type=int, default=20)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(threads, "1")  # for the processes to come
    seeds = range(FIRST_SEED, FIRST_SEED + arguments.cases)
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        references = list(pool.map(partial(reference_of, keep=arguments.keep), seeds))
        predictions = [
            mistaken(labels, seed, blobs=arguments.blobs) for seed, labels in zip(seeds, references, strict=True)
        ]
        start = time.monotonic()
        searched = list(pool.map(partial(search, arguments), predictions, references))
        wall = time.monotonic() - start
    seconds = sum(each.seconds for each in searched)
    variants = np.array([each.table.dice.shape[1] for each in searched])
    grid = grid_of(arguments)
    points = int(np.prod(grid.shape))
    print(
        f"{arguments.cases} phantoms, {arguments.edition}, {arguments.mode}, {arguments.fill}: {points} points each, "
        f"{variants.min()} to {variants.max()} variants (median {np.median(variants):g}), without redefinition"
    )
    print(f"search: {wall:.0f} s on {arguments.jobs} processes, {seconds:.0f} s of the CPU, Dice and HD95")
    spent, wrong = score_again(arguments, predictions, references, [each.table for each in searched])
    each = spent / arguments.sample
    whole = each * points * arguments.cases
    halves = each * points / grid.shape[3] * 2 * arguments.cases
    print(
        f"scoring again: {each:.2f} s a point ({arguments.sample} timed), so {whole / 86400:.0f} days for all of them "
        "(extrapolated, not run)"
    )
    print(f"ratio {whole / seconds:,.0f} on the joint grid")
    print(f"ratio {halves / seconds:,.0f} if scoring again knew that a ratio has two outcomes (extrapolated likewise)")
    print(f"{arguments.sample - wrong} of {arguments.sample} sampled points equal to the last bit")
    return 1 if wrong else 0


def reference_of(seed: int, keep: Path | None) -> NDArray[np.uint8]:
    """A phantom's labels, from the folder if they were kept there."""
    path = keep / f"{seed}.npz" if keep else None
    if path and path.exists():
        with np.load(path, allow_pickle=False) as kept:
            return np.asarray(kept["labels"])
    labels = make_phantom(seed).labels
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, labels=labels)
    return labels


def grid_of(arguments: argparse.Namespace) -> ThresholdGrid:
    return ThresholdGrid(mode=arguments.mode, fill=arguments.fill)


def search(arguments: argparse.Namespace, prediction: NDArray[np.uint8], reference: NDArray[np.uint8]) -> Searched:
    start = time.process_time()
    table = score_grid(prediction, reference, MM, EDITIONS[arguments.edition], grid_of(arguments))
    return Searched(table, time.process_time() - start)


def score_again(
    arguments: argparse.Namespace,
    predictions: list[NDArray[np.uint8]],
    references: list[NDArray[np.uint8]],
    tables: list[CaseTable],
) -> tuple[float, int]:
    """Seconds of the CPU for the sample, and how many of its points the tables have otherwise."""
    rng = np.random.default_rng(0)
    edition, grid = EDITIONS[arguments.edition], grid_of(arguments)
    seconds, wrong = 0.0, 0
    for _ in range(arguments.sample):
        case = int(rng.integers(len(predictions)))
        a, b, c, d = (int(rng.integers(side)) for side in grid.shape)
        point: Point = (a, b, c, d)
        start = time.process_time()
        thresholds = grid.thresholds(point)
        left = apply_thresholds(predictions[case], thresholds, mode=grid.mode, fill=grid.fill, voxel_mm3=1.0)
        regions = score_case(left.labels, references[case], MM, edition).regions
        seconds += time.process_time() - start
        wanted = ({name: values[key] for name, values in regions.items()} for key in (LESION_DICE, LESION_HD95))
        wrong += (tables[case].at(point, "dice"), tables[case].at(point, "hd95")) != tuple(wanted)
    return seconds, wrong


if __name__ == "__main__":
    sys.exit(main())
