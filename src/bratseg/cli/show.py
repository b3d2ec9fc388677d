"""bratseg phantom, demo and info: things to look at."""

import argparse
import json
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from bratseval.cli.codes import OK
from bratseval.extras import INFER, PICTURE, require

if TYPE_CHECKING:
    from bratseval.scoring.result import ScoredCase


def add_phantom(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the case folders")
    parser.add_argument("-n", "--number", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of the first case; the next ones count up")
    parser.set_defaults(command=_phantom)


def _phantom(arguments: argparse.Namespace) -> int:
    from bratseg.phantoms import make_phantom, write_phantom

    for seed in range(arguments.seed, arguments.seed + arguments.number):
        case = f"BraTS-PHA-{seed:05d}-000"
        write_phantom(arguments.output, case, make_phantom(seed))
        print(arguments.output / case)
    return OK


def add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, default=Path("demo"))
    parser.add_argument("--case", type=Path, help="a case folder; default: a phantom is made")
    parser.add_argument("--weights", type=Path, help="a weights folder; default: the bundled one")
    parser.add_argument("--device", help="auto, cpu, cuda or cuda:N; default: auto")
    parser.set_defaults(command=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    require(INFER, PICTURE)
    from bratseg.cli.progress import case_line
    from bratseg.demo.one_case import EDITION, phantom_case, run_demo
    from bratseg.inference.config import read_config

    folder = arguments.case
    if folder is None:
        print("making a phantom ...", file=sys.stderr)
        folder = phantom_case(arguments.output / "cases")
    print(f"segmenting {folder} ...", file=sys.stderr)
    demo = run_demo(folder, arguments.output, read_config(), weights=arguments.weights, device=arguments.device)
    print(case_line(demo.result))
    if demo.score is None:
        print("no reference (-seg) beside the images, so there is no score")
    else:
        print(f"\nscores, rules of {EDITION}:")
        for row in _score_table(demo.score):
            print(row)
    print(f"\nsegmentation  {demo.segmentation}\npicture       {demo.picture}\nreport        {demo.report}")
    return OK


def _score_table(score: "ScoredCase") -> list[str]:
    columns = {"LesionWise_Score_Dice": "lesion-wise Dice", "LesionWise_Score_HD95": "lesion-wise HD95"}
    columns |= {"Num_TP": "detected", "Num_FN": "missed", "Num_FP": "spurious"}
    rows = ["region  " + "  ".join(f"{name:>16}" for name in columns.values())]
    for region, values in score.regions.items():
        rows.append(f"{region:<6}  " + "  ".join(f"{values[column]:>16.4g}" for column in columns))
    return rows


def info(_: argparse.Namespace) -> int:
    packages = (
        "brats-harness",
        "torch",
        "monai",
        "dynamic-network-architectures",
        "nibabel",
        "numpy",
        "pyradiomics",
        "pyradiomics-bhklab",
    )
    print(json.dumps({name: _version(name) for name in packages}, indent=1))
    return OK


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
