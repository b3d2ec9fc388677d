"""Our CPU time for one case of family "instances-2026" against BraTS_evaluation, from files to values, as a ratio.

    python benchmarks/bench_instances.py --peer official/bin/python [--pair PREDICTION REFERENCE]... [--runs 3]

The peer's Python has BraTS_evaluation 0.0.8. Each side runs in a process of its own, in turns, one thread, imports left
out: theirs is `brats-evaluate` over a folder that holds the case three times (so that reading its configuration weighs
little), divided by three, without `brats-parse-metrics`; ours reads both files and gives every value. Without --pair a
case with twelve lesions is made.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from bratseval.files.nifti import grid_of, write_labels

COPIES = 3
OURS = """
import sys, time
from pathlib import Path
from bratseval.submission.archive import SubmissionFile
from bratseval.challenge import edition
from bratseval.submission.pairing import Pair
from bratseval.results.score_files import score_pair
prediction, reference = map(Path, sys.argv[1:3])
pair = Pair("pair", reference, (SubmissionFile(str(prediction), prediction.name, prediction),))
def run():
    score_pair(pair, edition("met-2026"))
run()
start = time.process_time()
run()
print("seconds", time.process_time() - start)
"""
THEIRS = """
import sys, time
from brats_evaluation.evaluation import main
folder, copies = sys.argv[1:3]
def run():
    sys.argv = ["brats-evaluate", "--config", "mets", "--ref_path", f"{folder}/reference",
                "--pred_path", f"{folder}/prediction", "--summary_json", f"{folder}/metrics.json"]
    main()
run()
start = time.process_time()
run()
print("seconds", (time.process_time() - start) / int(copies))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", help="a Python with BraTS_evaluation; without one only our own time is printed")
    parser.add_argument("--pair", nargs=2, type=Path, action="append", metavar=("PREDICTION", "REFERENCE"))
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        pairs = arguments.pair or [make_pair(Path(name))]
        for number, (prediction, reference) in enumerate(pairs):
            folder = copies(Path(name) / f"pair{number}", prediction.resolve(), reference.resolve())
            ours, theirs = [], []
            for _ in range(arguments.runs):
                ours.append(seconds([sys.executable, "-c", OURS, str(prediction), str(reference)]))
                if arguments.peer:
                    theirs.append(seconds([arguments.peer, "-W", "ignore", "-c", THEIRS, str(folder), str(COPIES)]))
            print_times(prediction.name, ours, theirs)


def print_times(name: str, ours: list[float], theirs: list[float]) -> None:
    """One line a pair; the ratio is of medians."""
    line = f"{name}: ours {statistics.median(ours) * 1e3:.0f} ms"
    if theirs:
        ratio = statistics.median(theirs) / statistics.median(ours)
        line += f", BraTS_evaluation {statistics.median(theirs) * 1e3:.0f} ms, {ratio:.1f} times faster"
    print(line, flush=True)


def copies(folder: Path, prediction: Path, reference: Path) -> Path:
    """The pair under several names, as brats-evaluate wants its folders."""
    for side, path, end in (("prediction", prediction, ""), ("reference", reference, "-seg")):
        (folder / side).mkdir(parents=True)
        for number in range(COPIES):
            (folder / side / f"BraTS-{number:05d}-000{end}.nii.gz").symlink_to(path)
    return folder


def seconds(command: list[str]) -> float:
    """The number in the last line of that kind that the command prints."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | threads)
    return float(next(line for line in done.stdout.splitlines() if line.startswith("seconds")).split()[1])


def make_pair(folder: Path) -> tuple[Path, Path]:
    """Twelve balls of three labels in BraTS space, and the same balls a little off."""
    random = np.random.default_rng(0)
    grid = grid_of((240, 240, 155), np.diag([-1.0, -1.0, 1.0, 1.0]))
    sides = [np.zeros(grid.shape, np.uint8) for _ in range(2)]
    x, y, z = np.ogrid[:240, :240, :155]
    for _ in range(12):
        centre, radius = random.uniform((50, 50, 30), (190, 190, 125)), random.uniform(3, 16)
        for volume, off in zip(sides, random.uniform(-1.5, 1.5, (2, 3)), strict=True):
            a, b, c = centre + off
            distance = np.sqrt((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2)
            for label, share in ((2, 1.0), (3, 0.6), (1, 0.3)):
                volume[distance < radius * share] = label
    paths = folder / "made-prediction.nii.gz", folder / "made-reference.nii.gz"
    for path, volume in zip(paths, sides, strict=True):
        write_labels(path, volume, grid)
    return paths


if __name__ == "__main__":
    main()
