"""bratseg campaign-demo: every stage of the method on phantoms, in minutes."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bratseval.cli.codes import OK
from bratseval.extras import CLUSTERING, INFER, PICTURE, RADIOMICS, TRAINING, require

if TYPE_CHECKING:
    from bratseg.demo.campaign_scores import ModelScore


def add_campaign_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, default=Path("campaign-demo"), help="default: %(default)s")
    parser.add_argument("--small", action="store_true", help="every stage, too short to learn anything")
    parser.set_defaults(command=_campaign_demo)


def _campaign_demo(arguments: argparse.Namespace) -> int:
    require(INFER, TRAINING, RADIOMICS, CLUSTERING, PICTURE)
    from bratseg.demo.campaign import run_campaign_demo
    from bratseg.demo.hospitals import FULL, SMALL

    start = time.monotonic()

    def print_step(step: str) -> None:
        print(f"[{time.monotonic() - start:5.0f} s] {step}", file=sys.stderr, flush=True)

    demo = run_campaign_demo(arguments.output, SMALL if arguments.small else FULL, print_step)
    print("\nlesion-wise Dice, rules of ssa-2024, mean of nnU-Net and MedNeXt:")
    for line in table(demo.rows):
        print(line)
    print()
    for name, path in demo.places.items():
        print(f"{name:<16}{path}")
    return OK


def table(rows: "tuple[ModelScore, ...]") -> list[str]:
    regions = tuple(rows[0].dice)
    lines = [f"{'model':<24}{'cases':<22}" + "".join(f"{region:>8}" for region in (*regions, "mean"))]
    for row in rows:
        values = (*(row.dice[region] for region in regions), row.mean)
        lines.append(f"{row.model:<24}{row.cases:<22}" + "".join(f"{value:8.3f}" for value in values))
    return lines
