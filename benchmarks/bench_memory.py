"""Peak memory of a whole `bratseg infer` on the CPU, for the bundled weights and for members of the published size.

    python benchmarks/bench_memory.py [--case FOLDER] [--folds 1 5] [--only bundled nnunet mednext]

Members of the published size have random weights: nnU-Net's plain U-Net of six stages and MedNeXt-M, tiles of 128^3.
Each line is a process of its own; memory is its largest resident size. Without --case a phantom in BraTS's box is made.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bratseg.models.member import MemberDescription

TESTS = Path(__file__).resolve().parents[1] / "tests"
PATCH = (128, 128, 128)
GB = 1000**3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", type=Path, help="a case folder; default: a phantom")
    parser.add_argument("--folds", type=int, nargs="+", default=[1])
    parser.add_argument("--only", nargs="+", default=["bundled", "nnunet", "mednext"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        case = arguments.case or make_case(folder)
        if "bundled" in arguments.only:
            print(f"bundled weights: {peak(folder, case, None) / GB:.1f} GB", flush=True)
        for network in ("nnunet", "mednext"):
            for folds in arguments.folds if network in arguments.only else ():
                weights = folder / f"{network}-{folds}"
                make_member(weights, network, folds)
                print(f"{network}, {folds} folds: {peak(folder, case, weights) / GB:.1f} GB", flush=True)


def make_case(folder: Path) -> Path:
    from bratseg.phantoms import make_phantom, write_phantom

    return write_phantom(folder / "cases", "phantom", make_phantom(800_000))


def make_member(weights: Path, network: str, folds: int) -> None:
    """A weights folder with one member of random weights."""
    import torch

    sys.path.insert(0, str(TESTS))
    from bratseg.models.description import write_description
    from bratseg.models.networks import build_network
    from bratseg.models.stored_tensors import save_state, stored_state
    from bratseg.weights.folder import add_member

    description = described(network, folds)
    member = weights / network
    member.mkdir(parents=True)
    for name in description.folds:
        state = stored_state(build_network(description).to_empty(device="cpu"))
        save_state(member / name, {key: torch.randn_like(value) * 0.02 for key, value in state.items()})
    write_description(member / "member.json", description)
    add_member(weights, network, 1.0, source="random", licence="none")


def described(network: str, folds: int) -> "MemberDescription":
    from dataclasses import replace

    from bratseg.models.member import MedNeXtArchitecture
    from factories.members import description
    from reference.official_mednext import SIZES

    kwargs = {
        "n_stages": 6,
        "features_per_stage": [32, 64, 128, 256, 320, 320],
        "conv_op": "torch.nn.Conv3d",
        "kernel_sizes": [[3, 3, 3]] * 6,
        "strides": [[1, 1, 1]] + [[2, 2, 2]] * 5,
        "n_conv_per_stage": [2] * 6,
        "n_conv_per_stage_decoder": [2] * 5,
        "conv_bias": True,
        "norm_op": "torch.nn.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }
    medium = MedNeXtArchitecture(32, 3, *SIZES["M"])
    unet = {"class": "PlainConvUNet", "kwargs": kwargs}
    return replace(
        description(patch=PATCH),
        network=network,
        architecture=unet if network == "nnunet" else medium,
        folds=tuple(f"fold_{number}.safetensors" for number in range(folds)),
    )


def peak(folder: Path, case: Path, weights: Path | None) -> int:
    """Bytes that a run over one case needs at most.

    Raises:
        CalledProcessError: the run failed.
    """
    report = folder / "report.json"
    line = [sys.executable, "-m", "bratseg.cli", "infer", "-i", str(case), "-o", str(folder / "out")]
    line += ["--device", "cpu", "--report", str(report)]
    subprocess.run(
        [*line, *(["--weights", str(weights)] if weights else [])], check=True, env=os.environ, capture_output=True
    )
    return int(json.loads(report.read_text())["peak_memory_bytes"])


if __name__ == "__main__":
    main()
