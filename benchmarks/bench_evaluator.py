"""What scoring a pair costs, against the official script and other evaluators, on the same files in one run.

    python benchmarks/bench_evaluator.py [--pair PREDICTION REFERENCE]... [--edition gli-2023] [--rounds 3]
        [--official FOLDER] [--python official=PYTHON panoptica=PYTHON] [--many 219]

Without --pair a pair of BraTS's size is made. FOLDER is a checkout of BraTS-2023-Metrics; it needs an old pandas, so
give the Python that has it. Each evaluator runs in a process of its own, on one core, reading included; the rounds go
round, so that all see the same machine. Seconds are of the CPU, which a busy machine disturbs least; the floor is
decompressing both files and passing over their voxels once.
"""

import argparse
import importlib.util
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

REGIONS = {"WT": (1, 2, 3), "TC": (1, 3), "ET": (3,)}
SIZE = (240, 240, 155)
LIMIT_S = 1800
ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
Work = Callable[[], object]


# What is compared. Each imports what it needs by itself, because others may live in other environments.


def ours(prediction: Path, reference: Path, edition: str, _folder: str) -> Work:
    import bratseval.challenge as challenge
    from bratseval.results.parallel import score_pairs
    from bratseval.submission.archive import SubmissionFile
    from bratseval.submission.pairing import Pair

    file = SubmissionFile(str(prediction), prediction.name, prediction)
    rules = challenge.edition(edition)
    return lambda: score_pairs([Pair("pair", reference, (file,))], rules)


def floor(prediction: Path, reference: Path, _edition: str, _folder: str) -> Work:
    import numpy as np
    from isal import isal_zlib

    def work() -> object:
        one, other = (
            np.frombuffer(isal_zlib.decompress(path.read_bytes(), wbits=31), np.uint8)
            for path in (prediction, reference)
        )
        return np.bitwise_or(one, other[: len(one)]).any() if len(one) == len(other) else (one.any(), other.any())

    return work


def official(prediction: Path, reference: Path, edition: str, folder: str) -> Work:
    sys.path.insert(0, folder)
    from metrics import get_LesionWiseResults  # type: ignore[import-not-found]

    challenge = f"BraTS-{edition.split('-')[0].upper()}"
    return lambda: get_LesionWiseResults(str(prediction), str(reference), challenge)


def surface_distance(prediction: Path, reference: Path, _edition: str, _folder: str) -> Work:
    import nibabel as nib
    import numpy as np
    from surface_distance import compute_dice_coefficient, compute_robust_hausdorff, compute_surface_distances

    def work() -> object:
        one, other = nib.load(prediction), nib.load(reference)
        spacing = [float(mm) for mm in one.header.get_zooms()[:3]]
        predicted_labels, reference_labels = np.asanyarray(one.dataobj), np.asanyarray(other.dataobj)
        values = []
        for labels in REGIONS.values():
            masks = np.isin(reference_labels, labels), np.isin(predicted_labels, labels)
            distances = compute_surface_distances(*masks, spacing)
            values.append((compute_dice_coefficient(*masks), compute_robust_hausdorff(distances, 95)))
        return values

    return work


def monai(prediction: Path, reference: Path, _edition: str, _folder: str) -> Work:
    import nibabel as nib
    import numpy as np
    import torch
    from monai.metrics import compute_dice, compute_hausdorff_distance

    torch.set_num_threads(1)

    def work() -> object:
        one, other = nib.load(prediction), nib.load(reference)
        spacing = [float(mm) for mm in one.header.get_zooms()[:3]]
        predicted_labels, reference_labels = np.asanyarray(one.dataobj), np.asanyarray(other.dataobj)
        stacks = [
            torch.from_numpy(np.stack([np.isin(volume, labels) for labels in REGIONS.values()]))[None].float()
            for volume in (predicted_labels, reference_labels)
        ]
        distances = compute_hausdorff_distance(*stacks, include_background=True, percentile=95, spacing=spacing)
        return compute_dice(*stacks, include_background=True), distances

    return work


def panoptica(prediction: Path, reference: Path, _edition: str, _folder: str) -> Work:
    import nibabel as nib
    import numpy as np
    from panoptica import (  # type: ignore[import-not-found]
        ConnectedComponentsInstanceApproximator,
        InputType,
        MaxBipartiteMatching,
        Metric,
        Panoptica_Evaluator,
    )

    evaluator = Panoptica_Evaluator(
        expected_input=InputType.SEMANTIC,
        instance_approximator=ConnectedComponentsInstanceApproximator(),
        instance_matcher=MaxBipartiteMatching(matching_metric=Metric.DSC, matching_threshold=1e-6),
        instance_metrics=[Metric.DSC, Metric.HD95],
        global_metrics=[Metric.DSC, Metric.HD95],
    )

    def work() -> object:
        predicted_labels, reference_labels = (np.asanyarray(nib.load(path).dataobj) for path in (prediction, reference))
        return [
            evaluator.evaluate(
                np.isin(predicted_labels, labels).astype(np.uint8), np.isin(reference_labels, labels).astype(np.uint8)
            )
            for labels in REGIONS.values()
        ]

    return work


PEERS: dict[str, Callable[[Path, Path, str, str], Work]] = {
    "bratseval": ours,
    "floor": floor,
    "official": official,
    "surface-distance": surface_distance,
    "MONAI": monai,
    "panoptica": panoptica,
}
_MODULES = {"surface-distance": "surface_distance", "MONAI": "monai", "panoptica": "panoptica"}
_REPEATS = {"bratseval": 9, "floor": 9}  # in each round; the rest are slow enough for one


def main() -> None:
    arguments = _arguments()
    if arguments.child:
        print(json.dumps(measure(*arguments.child)))
        return
    print(f"load before: {' '.join(f'{load:.1f}' for load in os.getloadavg())}; {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        pairs = arguments.pair or [made_pair(Path(folder))]
        for pair in pairs:
            compare(*pair, arguments)
        if arguments.many:
            many(*pairs[0], arguments, Path(folder))
    print(f"bratseval --help: {help_seconds():.2f} s of CPU")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pair", nargs=2, type=Path, action="append", metavar=("PREDICTION", "REFERENCE"))
    parser.add_argument("--edition", default="gli-2023")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--official", default="", metavar="FOLDER", help="a checkout of BraTS-2023-Metrics")
    parser.add_argument("--python", nargs="*", default=[], metavar="PEER=PYTHON", help="another Python for a peer")
    parser.add_argument("--many", type=int, default=0, help="score so many copies of the first pair as a submission")
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    return parser.parse_args()


def compare(prediction: Path, reference: Path, arguments: argparse.Namespace) -> None:
    pythons = dict(entry.split("=", 1) for entry in arguments.python)
    peers = [peer for peer in PEERS if _is_there(peer, pythons, arguments.official)]
    seconds: dict[str, list[float]] = {peer: [] for peer in peers}
    peak_mb: dict[str, float] = {}
    for _ in range(arguments.rounds):
        for peer in list(seconds):
            measured = child(peer, pythons, prediction, reference, arguments)
            if isinstance(measured, str):
                print(f"{peer}: does not run: {measured}")
                del seconds[peer]
                continue
            seconds[peer].append(measured["seconds"])
            peak_mb[peer] = max(peak_mb.get(peer, 0.0), measured["peak_mb"])
    medians = {peer: statistics.median(values) for peer, values in seconds.items()}
    print(f"\n{prediction.name} against {reference.name}, {arguments.edition}, median of {arguments.rounds} rounds")
    print(f"{'':<18}{'CPU ms':>10}{'peak MB':>9}{'x ours':>9}{'x floor':>9}")
    for peer, median in medians.items():
        ratios = (median / medians["bratseval"], median / medians["floor"])
        print(f"{peer:<18}{1000 * median:>10.1f}{peak_mb[peer]:>9.0f}{ratios[0]:>9.1f}{ratios[1]:>9.1f}")


def child(
    peer: str, pythons: dict[str, str], prediction: Path, reference: Path, arguments: argparse.Namespace
) -> dict[str, float] | str:
    """Seconds and peak of one round, or the last line of what went wrong."""
    line = [pythons.get(peer, sys.executable), __file__, "--child", peer, str(prediction), str(reference)]
    try:
        done = subprocess.run(
            [*line, arguments.edition, arguments.official],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            env={**os.environ, **ONE_CORE},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no word"])[-1]
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def measure(peer: str, prediction: str, reference: str, edition: str, folder: str) -> dict[str, float]:
    """The median CPU time of one evaluator on one pair after a first run, and the peak memory of its process."""
    work = PEERS[peer](Path(prediction), Path(reference), edition, folder)
    work()
    seconds = []
    for _ in range(_REPEATS.get(peer, 1)):
        begun = time.process_time()
        work()
        seconds.append(time.process_time() - begun)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": statistics.median(seconds), "peak_mb": peak}


def _is_there(peer: str, pythons: dict[str, str], folder: str) -> bool:
    if peer == "official":
        return bool(folder)
    return peer not in _MODULES or peer in pythons or importlib.util.find_spec(_MODULES[peer]) is not None


def many(prediction: Path, reference: Path, arguments: argparse.Namespace, folder: Path) -> None:
    """The wall time of a whole submission through the command line, on all cores."""
    for number in range(arguments.many):
        for side, path, end in (("p", prediction, ""), ("r", reference, "-seg")):
            (folder / side).mkdir(exist_ok=True)
            shutil.copy(path, folder / side / f"BraTS-MADE-{number:05d}-000{end}.nii.gz")
    line = ["score", str(folder / "p"), str(folder / "r"), "--edition", arguments.edition, "-o", str(folder / "out")]
    before = _children_seconds()
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "bratseval.cli", *line], check=True, capture_output=True)
    wall = time.perf_counter() - begun
    print(
        f"\n{arguments.many} cases as one submission: {wall:.1f} s, {_children_seconds() - before:.1f} s of CPU "
        f"on {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )


def help_seconds() -> float:
    before = _children_seconds()
    subprocess.run([sys.executable, "-m", "bratseval.cli", "--help"], check=True, capture_output=True)
    return _children_seconds() - before


def _children_seconds() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def made_pair(folder: Path) -> Sequence[Path]:
    """Two overlapping tumours of BraTS's size and volume on its grid: balls with rough borders, shifted by a voxel."""
    import numpy as np

    from bratseval.files.nifti import grid_of, write_labels

    grid = grid_of(SIZE, np.array([[-1.0, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]]))
    x, y, z = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in SIZE), indexing="ij", sparse=True)
    paths = []
    for name, shift, seed in (("prediction", 1, 1), ("reference", 0, 2)):
        wave = 2 * np.sin(x / 3 + seed) * np.sin(y / 4) * np.sin(z / 5 + seed)
        distance = np.sqrt((x - 150 - shift) ** 2 + (y - 110) ** 2 + (z - 70) ** 2) + wave
        labels = np.select([distance < 12, distance < 20, distance < 31], [1, 3, 2], 0).astype(np.uint8)
        paths.append(folder / f"{name}.nii.gz")
        write_labels(paths[-1], labels, grid)
    return paths


if __name__ == "__main__":
    main()
