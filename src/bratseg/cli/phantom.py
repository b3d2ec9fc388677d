"""bratseg phantom: cases with a known reference."""

import argparse
from pathlib import Path

from bratseval.cli.codes import OK


def add_phantom(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the case folders")
    parser.add_argument("-n", "--number", type=int, default=1, help="how many cases; default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the first case; the next ones count up")
    parser.set_defaults(command=_phantom)


def _phantom(arguments: argparse.Namespace) -> int:
    from bratseg.phantoms import make_phantom, write_phantom

    for seed in range(arguments.seed, arguments.seed + arguments.number):
        print(write_phantom(arguments.output, f"BraTS-PHA-{seed:05d}-000", make_phantom(seed)))
    return OK
