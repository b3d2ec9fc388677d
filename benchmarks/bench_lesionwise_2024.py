"""What the rules of 2024 and 2025 cost against the official scripts on one pair, and whether all numbers are equal.

    python benchmarks/bench_lesionwise_2024.py PREDICTION REFERENCE --official FOLDER --python PYTHON
        [--edition ssa-2025] [--rounds 1]

FOLDER is a checkout of BraTS-2024-Metrics (9a0ab9c for 2024, 9e8879a for 2025) and PYTHON has what it pins. Each side
is a process of its own that reads both files and scores them, in turns; seconds are of the CPU, which a busy machine
disturbs least, without imports. Exits with 1 if a number differs.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

OFFICIAL = """
import contextlib, importlib, json, sys, time
folder, script, challenge, prediction, reference = sys.argv[1:]
sys.path.insert(0, folder)
metrics = importlib.import_module("metrics_" + script)
start = time.process_time()
with contextlib.redirect_stdout(sys.stderr):
    table, _ = metrics.get_LesionWiseResults(prediction, reference, challenge)
seconds = time.process_time() - start
rows = {row.pop("Labels"): {name: float(value) for name, value in row.items()} for row in table.to_dict("records")}
print(json.dumps([seconds, rows]))
"""
OURS = """
import json, sys, time
import nibabel as nib, numpy as np
from bratseval.challenge import edition
from bratseval.scoring.case import score_case
name, prediction, reference = sys.argv[1:]
start = time.process_time()
predicted, expected = nib.load(prediction), nib.load(reference)
spacing = tuple(float(mm) for mm in predicted.header.get_zooms()[:3])
regions = score_case(np.asanyarray(predicted.dataobj), np.asanyarray(expected.dataobj), spacing, edition(name)).regions
print(json.dumps([time.process_time() - start, regions]))
"""
ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prediction", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--official", type=Path, required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--edition", default="ssa-2025")
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    files = [str(path.resolve()) for path in (arguments.prediction, arguments.reference)]
    name = arguments.edition.removesuffix("-lesionwise").rsplit("-", 1)[0].upper()
    theirs = [arguments.python, "-c", OFFICIAL, str(arguments.official.resolve()), name.replace("-", "_")]
    theirs += [f"BraTS-{name}", *files]
    ours = [sys.executable, "-c", OURS, arguments.edition, *files]
    runs = [(measure(theirs), measure(ours)) for _ in range(arguments.rounds)]
    official, mine = (statistics.median(run[side][0] for run in runs) for side in (0, 1))
    wrong = differences(runs[0][0][1], runs[0][1][1])
    count = sum(len(values) for values in runs[0][0][1].values())
    print(f"{arguments.edition}: official {official:.2f} s, ours {mine:.3f} s of the CPU, ratio {official / mine:.0f}")
    print(f"{count - len(wrong)} of {count} numbers equal to the last bit", *wrong, sep="\n")
    return 1 if wrong else 0


def measure(command: Sequence[str]) -> tuple[float, dict[str, dict[str, float]]]:
    """Seconds and values of one run; the official script leaves its files in a folder that goes away."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **ONE_CORE}, stdout=subprocess.PIPE, check=True, text=True
        )
    seconds, values = json.loads(done.stdout.splitlines()[-1])
    return seconds, values


def differences(official: dict[str, dict[str, float]], ours: dict[str, dict[str, float]]) -> list[str]:
    """Each number that is not the same, in words."""
    return [
        f"{region} {name}: official {value!r}, ours {ours[region][name]!r}"
        for region, values in official.items()
        for name, value in values.items()
        if not (ours[region][name] == value or (math.isnan(value) and math.isnan(ours[region][name])))
    ]


if __name__ == "__main__":
    sys.exit(main())
