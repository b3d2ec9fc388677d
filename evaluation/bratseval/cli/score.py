"""bratseval score: predictions and references in, four tables out."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bratseval.challenge import EDITIONS, Edition, edition
from bratseval.cli.codes import ENVIRONMENT, OK, SOME_FAILED, USAGE

if TYPE_CHECKING:
    from bratseval.submission import ScoredCase


def add_score(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("predictions", type=Path, help="a folder of .nii.gz files called after their cases")
    parser.add_argument("references", type=Path, help="case folders with a -seg.nii.gz each, or such files")
    parser.add_argument("--edition", required=True, choices=EDITIONS, help="whose rules: %(choices)s", metavar="NAME")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for cases, lesions, summary, scores")
    parser.set_defaults(command=_score)


def _score(arguments: argparse.Namespace) -> int:
    from bratseval.cli.progress import Progress
    from bratseval.pairing import pair_files
    from bratseval.submission import score_pairs
    from bratseval.tables import write_tables

    rules = edition(arguments.edition)
    output: Path = arguments.output
    if any(output.resolve().is_relative_to(path.resolve()) for path in (arguments.predictions, arguments.references)):
        print(f"{output}: lies in a folder that is read. Choose another output.", file=sys.stderr)
        return USAGE
    if not _is_writable(output):
        print(
            f"{output}: cannot be written by user {os.getuid()}. Check what is there and its permissions.",
            file=sys.stderr,
        )
        return ENVIRONMENT
    paired = pair_files(arguments.predictions, arguments.references, rules)
    with Progress(len(paired.pairs)) as progress:
        cases = score_pairs(paired.pairs, rules, progress.case)
    try:
        write_tables(output, cases, rules, paired.unknown)
    except OSError as error:
        print(f"{output}: cannot be written ({error.strerror}). Check disk and permissions.", file=sys.stderr)
        return ENVIRONMENT
    _tell(cases, paired.unknown, rules, output)
    return SOME_FAILED if any(case.state == "failed" for case in cases) else OK


def _is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder that may not be there yet."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(path))
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _tell(cases: Sequence["ScoredCase"], unknown: Sequence[Path], rules: Edition, output: Path) -> None:
    """The means on stdout, what failed or was passed over on stderr."""
    from bratseval.scoring import platform_names
    from bratseval.tables import columns, summary

    failed = [case for case in cases if case.state == "failed"]
    means = dict(zip(columns(cases, rules), summary(cases, rules)["mean"], strict=True))
    regions = sorted(rules.regions)
    width = max(map(len, platform_names(rules.name).values()))
    print(f"{rules.title} ({rules.name}): mean of {len(cases)} cases, {len(failed)} of them failed")
    print(" " * width + "".join(f"{region:>12}" for region in regions))
    for name in platform_names(rules.name).values():
        print(f"{name:<{width}}" + "".join(f"{means[f'{name}_{region}']:>12.4f}" for region in regions))
    print(f"written to {output}")
    if failed:
        names = ", ".join(case.case for case in failed)
        print(
            f"{len(failed)} failed and {'has' if len(failed) == 1 else 'have'} the worst values: {names}",
            file=sys.stderr,
        )
    for path in unknown:
        print(f"{path}: answers no case of the references and was passed over. Check its name.", file=sys.stderr)
