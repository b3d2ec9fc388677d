"""Our time and peak memory for one case against nnU-Net's own predictor, from files to a file, as ratios of one run.

    python benchmarks/bench_inference.py [--case FOLDER] [--folds 2] [--runs 3]

Both sides get the same random nnU-Net model folder (tests/factories/foreign_models.py makes it) and the same case;
each run is a process of its own, taken in turns. Without --case a phantom is made. Weights are converted beforehand:
upstream reads checkpoints, we read safetensors.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bratseval.challenge import MODALITIES
from bratseval.files.cases import find_cases

TESTS = Path(__file__).resolve().parents[1] / "tests"
PATCH = (64, 64, 64)

UPSTREAM = """
import sys, torch, json
from pathlib import Path
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from factories.foreign_models import random_network
model, output, files = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
plans, dataset = (json.loads((model / name).read_text()) for name in ("plans.json", "dataset.json"))
# as initialize_from_trained_model_folder does, less the look-up of trainers, which fails beside a CPU torch
states = [torch.load(path, weights_only=False, map_location="cpu")["network_weights"]
          for path in sorted(model.glob("fold_*/checkpoint_final.pth"))]
predictor = nnUNetPredictor(use_mirroring=False, device=torch.device("cpu"), allow_tqdm=False)
manager = PlansManager(plans)
predictor.manual_initialization(random_network(plans, 3, 0), manager, manager.get_configuration("3d_fullres"),
                                states, dataset, "nnUNetTrainer", (0, 1, 2))
predictor.predict_from_files_sequential([files], [output], save_probabilities=False, overwrite=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", type=Path, help="a case folder; default: a phantom")
    parser.add_argument("--folds", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        case = arguments.case or make_case(folder)
        make_model(folder, arguments.folds)
        (found,) = find_cases(case).cases
        files = [str(found.images[modality]) for modality in MODALITIES]
        ours = [sys.executable, "-m", "bratseg.cli", "infer", "-i", str(case), "-o", str(folder / "ours")]
        ours += ["--weights", str(folder / "weights"), "--device", "cpu"]
        theirs = [sys.executable, "-c", UPSTREAM, str(folder / "model"), str(folder / "theirs.nii.gz"), *files]
        runs = [(measure(ours), measure(theirs)) for _ in range(arguments.runs)]
    for what, index in (("time", 0), ("peak memory", 1)):
        ratios = [a[index] / b[index] for a, b in runs]
        listed = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"{what}, ours / nnUNetPredictor: median {statistics.median(ratios):.2f} (runs {listed})")


def make_case(folder: Path) -> Path:
    from bratseg.phantoms import make_phantom, write_phantom

    write_phantom(folder / "cases", "phantom", make_phantom(800_000))
    return folder / "cases" / "phantom"


def make_model(folder: Path, folds: int) -> None:
    sys.path.insert(0, str(TESTS))
    from bratseg.weights.convert.model_folder import ModelFolder, convert_model_folder
    from bratseg.weights.convert.new_member import NewMember
    from factories.foreign_models import dataset, plans, write_folder

    write_folder(folder / "model", plans(patch=PATCH), dataset(), folds=folds)
    convert_model_folder(ModelFolder(folder / "model"), folder / "weights", NewMember("nnunet", 1.0, "none", "random"))


def measure(line: list[str]) -> tuple[float, int]:
    """Seconds and peak kilobytes of a child process.

    Raises:
        CalledProcessError: it failed.
    """
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "nnUNet_def_n_proc": "2"}
    for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        environment[variable] = tempfile.gettempdir()
    begun = time.perf_counter()
    watched = f"""
import json, resource, subprocess, sys
done = subprocess.run({json.dumps(line)}, capture_output=True, text=True)
print(json.dumps([done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, done.stderr[-2000:]]))
"""
    ended = subprocess.run([sys.executable, "-c", watched], env=environment, capture_output=True, text=True, check=True)
    code, peak, errors = json.loads(ended.stdout)
    if code:
        raise subprocess.CalledProcessError(code, line, stderr=errors)
    return time.perf_counter() - begun, peak


if __name__ == "__main__":
    main()
