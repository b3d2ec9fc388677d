"""bratseval evaluate: the evaluate task of MLCube and MedPerf, with their argument names."""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from bratseval.cli.codes import ENVIRONMENT, OK
from bratseval.cli.cores import cores
from bratseval.cli.printable import printable

_VOLUMES: Final = Path("/mlcommons/volumes")  # where MedPerf mounts everything
_PARAMETERS: Final = (_VOLUMES / "parameters/parameters_file.yaml", _VOLUMES / "parameters/parameters.yaml")


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--predictions", type=Path, default=_VOLUMES / "predictions", help="folder of predictions; default: %(default)s"
    )
    parser.add_argument(
        "--labels", type=Path, default=_VOLUMES / "labels", help="folder of references; default: %(default)s"
    )
    parser.add_argument(
        "--parameters_file",
        type=Path,
        default=_mounted_parameters(),
        help="YAML file that names the edition; default: %(default)s",
    )
    parser.add_argument(
        "--output_path",
        type=Path,
        default=_VOLUMES / "results/results.yaml",
        help="YAML file for the results; default: %(default)s",
    )
    parser.set_defaults(command=_evaluate)


def _mounted_parameters() -> Path:
    return next((path for path in _PARAMETERS if path.is_file()), _PARAMETERS[0])


def _evaluate(arguments: argparse.Namespace) -> int:
    from bratseval.cli.progress import Progress
    from bratseval.results.medperf import read_parameters, results_yaml, write_results
    from bratseval.results.score_submission import ScoringOptions, score_submission

    edition = read_parameters(arguments.parameters_file)
    output: Path = arguments.output_path
    if output.is_dir() or (output.exists() and not os.access(output, os.W_OK)):
        print(f"{output}: is not a file that user {os.getuid()} can write. Choose another file.", file=sys.stderr)
        return ENVIRONMENT
    try:
        with Progress(edition) as progress:
            scored = score_submission(
                arguments.predictions, arguments.labels, edition, ScoringOptions(jobs=cores()), progress.case
            )
        write_results(output, results_yaml(scored.cases, edition, scored.unknown))
    except OSError as error:
        print(printable(f"{error.filename or output}: {error.strerror or error}. Check the mounts."), file=sys.stderr)
        return ENVIRONMENT
    return OK  # also with failed cases, which the results name: with another code a platform discards all results
