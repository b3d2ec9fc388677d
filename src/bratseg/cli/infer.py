"""bratseg infer: a folder of cases in, segmentations out."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bratseval.cli.codes import ENVIRONMENT, INVALID_INPUT, OK, SOME_FAILED, USAGE
from bratseval.errors import InputError
from bratseval.extras import INFER, require
from bratseval.files.cases import FoundCases, case_of_files, find_cases

if TYPE_CHECKING:
    from bratseg.inference.run import CaseResult

_WITHOUT_CLUSTERS = "small components are removed by the global thresholds, not by those of each case's cluster"


def add_infer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-i",
        "--input",
        "--data_path",
        dest="input",
        type=Path,
        nargs="+",
        required=True,
        help="a folder of case folders, one case folder, or four files",
    )
    parser.add_argument(
        "-o",
        "--output",
        "--output_path",
        dest="output",
        type=Path,
        required=True,
        help="folder for the segmentations, <case>.nii.gz",
    )
    parser.add_argument("--weights", type=Path, help="a weights folder; default: the bundled one")
    parser.add_argument(
        "--parameters", "--parameters_file", dest="parameters", type=Path, help="numbers to change, as YAML or TOML"
    )
    parser.add_argument("--device", help="auto, cpu, cuda or cuda:N; default: auto")
    parser.add_argument("--resume", action="store_true", help="keep the outputs that an earlier run finished")
    parser.add_argument("--report", type=Path, help="write what the run did with each case, as JSON")
    parser.add_argument("--mounted", action="store_true", help="the input folder's name is no case id (containers)")
    parser.set_defaults(command=_infer)


def _infer(arguments: argparse.Namespace) -> int:
    require(INFER)
    from bratseg.cli.progress import Progress
    from bratseg.inference.config import read_config
    from bratseg.inference.load import load_ensemble
    from bratseg.inference.run import Callbacks, run_cases, write_report
    from bratseg.radiomics.features import extractor_problem

    config = read_config(arguments.parameters)
    try:
        found = _find(arguments.input, mounted=arguments.mounted)
    except InputError as error:
        print(error, file=sys.stderr)
        return INVALID_INPUT
    problem = _output_problem(arguments.output, arguments.input, arguments.report)
    if problem:
        print(problem, file=sys.stderr)
        return ENVIRONMENT if problem.endswith("permissions.") else USAGE
    start = time.monotonic()
    results: list[CaseResult] = []
    with load_ensemble(arguments.weights, config, arguments.device) as (ensemble, settings):
        print(f"{settings.weights} on {settings.device}: {len(found.cases)} cases", file=sys.stderr)
        if ensemble.clusters is not None and (problem := extractor_problem()):
            print(f"{_WITHOUT_CLUSTERS}: {problem}.", file=sys.stderr)
        show = Progress(len(found.cases) + len(found.problems))

        def finished(result: "CaseResult") -> None:
            results.append(result)
            show.case(result)
            if arguments.report:
                write_report(arguments.report, results, settings, time.monotonic() - start)

        with show:
            callbacks = Callbacks(tile=show.tile, case=finished)
            run_cases(found, arguments.output, ensemble, settings, resume=arguments.resume, callbacks=callbacks)
    return _exit_code(results)


def _find(paths: Sequence[Path], *, mounted: bool) -> FoundCases:
    if len(paths) == 1:
        return find_cases(paths[0], mounted=mounted)
    return FoundCases((case_of_files(paths),))


def _output_problem(output: Path, inputs: Sequence[Path], report: Path | None) -> str | None:
    """Why nothing may be written there, in words; None when all is well."""
    folder = output.resolve()
    if any(path.is_dir() and folder.is_relative_to(path.resolve()) for path in inputs):
        return f"{output}: lies in the input folder, expected a folder of its own. Choose another output."
    if report is not None and report.resolve().is_relative_to(folder):
        return f"{report}: lies in the output folder, which holds segmentations and nothing else. Write it elsewhere."
    try:
        output.mkdir(parents=True, exist_ok=True)
        writable = os.access(output, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        return f"{output}: cannot be written by user {os.getuid()}. Correct its owner or its permissions."
    return None


def _exit_code(results: Sequence["CaseResult"]) -> int:
    bad = [result for result in results if result.state in ("invalid_input", "failed")]
    if not bad:
        return OK
    return INVALID_INPUT if all(result.state == "invalid_input" for result in results) else SOME_FAILED
