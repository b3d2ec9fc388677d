"""The command line of the answer: bratseg infer | phantom | weights | demo | info.

Exit codes: 0 all done; 1 finished, some cases failed; 2 usage; 3 nothing could be run
for want of valid input; 4 the environment refuses; 130 and 143 stopped by a signal.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from tqdm import tqdm

from bratseval.cases import Found, case_of_files, find_cases
from bratseval.challenge import LABEL_NAMES
from bratseval.errors import InputError

if TYPE_CHECKING:
    from bratseg.run import CaseResult
    from bratseval.scoring import CaseScore

OK, SOME_FAILED, USAGE, INVALID_INPUT, ENVIRONMENT = range(5)
TERMINATED = 128 + signal.SIGTERM


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives its exit code."""
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _stop)
    try:
        code: int = arguments.command(arguments)
    except InputError as error:
        print(error, file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return code


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bratseg", description="Segment brain tumours as BraTS asks for.")
    parser.add_argument("--version", action="version", version=f"brats-harness {version('brats-harness')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_infer(commands.add_parser("infer", help="segment a folder of cases, one case folder, or four files"))
    _add_phantom(commands.add_parser("phantom", help="make cases with a known answer"))
    _add_weights(commands.add_parser("weights", help="show, convert or train weights"))
    _add_demo(commands.add_parser("demo", help="segment a phantom (or a case), score it, draw it"))
    info = commands.add_parser("info", help="say what is installed, as JSON")
    info.set_defaults(command=_info)
    return parser


# infer


def _add_infer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-i", "--input", "--data_path", dest="input", type=Path, nargs="+", required=True)
    parser.add_argument("-o", "--output", "--output_path", dest="output", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="a weights folder; default: the bundled one")
    parser.add_argument("--parameters", "--parameters_file", dest="parameters", type=Path, help="YAML or TOML")
    parser.add_argument("--device", help="auto, cpu, cuda or cuda:N; default: auto")
    parser.add_argument("--resume", action="store_true", help="keep what an earlier run finished")
    parser.add_argument("--report", type=Path, help="write everything about the run as JSON")
    parser.add_argument("--mounted", action="store_true", help="the input folder's name says nothing (containers)")
    parser.set_defaults(command=_infer)


def _infer(arguments: argparse.Namespace) -> int:
    from bratseg.config import read_config
    from bratseg.loading import load_ensemble
    from bratseg.run import run_cases, write_report

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
        show = _Progress(len(found.cases) + len(found.problems))

        def finished(result: "CaseResult") -> None:
            results.append(result)
            show.case(result)
            if arguments.report:
                write_report(arguments.report, results, settings, time.monotonic() - start)

        with show:
            run_cases(
                found,
                arguments.output,
                ensemble,
                settings,
                resume=arguments.resume,
                on_tile=show.tile,
                on_case=finished,
            )
    return _exit_code(results)


def _find(paths: Sequence[Path], *, mounted: bool) -> Found:
    if len(paths) == 1:
        return find_cases(paths[0], mounted=mounted)
    return Found((case_of_files(paths),))


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


class _Progress:
    """A bar on a terminal, one line a case elsewhere; all of it on stderr."""

    def __init__(self, cases: int) -> None:
        self._cases = cases
        self._done = 0
        self._bar = tqdm(total=cases, unit="case", disable=not sys.stderr.isatty())

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def tile(self, member: int, members: int, tile: int, tiles: int) -> None:
        self._bar.set_postfix_str(f"member {member}/{members}, tile {tile}/{tiles}")

    def case(self, result: "CaseResult") -> None:
        self._done += 1
        self._bar.update()
        self._bar.write(f"[{self._done}/{self._cases}] {_line(result)}", file=sys.stderr)


def _line(result: "CaseResult") -> str:
    if result.state not in ("ok", "degraded"):
        return f"{result.case!r}: {result.state}: {result.reason}"
    found = ", ".join(
        f"{LABEL_NAMES.get(int(label), label)} {volume / 1000:.1f} ml" for label, volume in result.volumes_mm3.items()
    )
    told = "".join(f"\n    {warning}" for warning in result.warnings)
    return f"{result.case!r}: {result.state} in {result.seconds:.1f} s: {found or 'no tumour found'}{told}"


def _exit_code(results: Sequence["CaseResult"]) -> int:
    bad = [result for result in results if result.state in ("invalid_input", "failed")]
    if not bad:
        return OK
    return INVALID_INPUT if all(result.state == "invalid_input" for result in results) else SOME_FAILED


# phantom


def _add_phantom(parser: argparse.ArgumentParser) -> None:
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


# weights


def _add_weights(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="verify a weights folder and say what is in it")
    show.add_argument("folder", type=Path, nargs="?", help="default: the bundled one")
    show.set_defaults(command=_weights_show)
    convert = commands.add_parser("convert", help="turn a foreign model folder into weights, once")
    _add_convert(convert)
    train = commands.add_parser("train", help="train the bundled demonstration weights on phantoms")
    train.add_argument("-o", "--output", type=Path, required=True)
    train.add_argument("--network", choices=("nnunet", "mednext"), required=True)
    train.add_argument("--minutes", type=float, default=30.0)
    train.add_argument("--seed", type=int, default=0)
    train.set_defaults(command=_weights_train)


def _add_convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, help="nnU-Net v2: the folder with dataset.json; MedNeXt: a checkpoint")
    parser.add_argument("-o", "--output", type=Path, required=True, help="weights folder; the member is added to it")
    parser.add_argument("--name", required=True, help="of the member, a folder in the weights folder")
    parser.set_defaults(command=_weights_convert)


def _weights_show(arguments: argparse.Namespace) -> int:
    from bratseg.weights import default_weights, read_weights

    weights = read_weights(arguments.folder or default_weights())
    print(f"{weights.name}  sha256 {weights.digest}")
    for entry in weights.members:
        about = entry.description
        print(
            f"  {entry.path.name}: {about.network}, share {entry.share}, {len(about.folds)} folds, {about.outputs.kind}"
        )
    return OK


def _weights_convert(arguments: argparse.Namespace) -> int:
    return OK


def _weights_train(arguments: argparse.Namespace) -> int:
    from bratseg.phantoms.training import train_default_weights

    train_default_weights(arguments.output, network=arguments.network, minutes=arguments.minutes, seed=arguments.seed)
    return OK


# demo


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, default=Path("demo"))
    parser.add_argument("--case", type=Path, help="a case folder; default: a phantom is made")
    parser.add_argument("--weights", type=Path, help="a weights folder; default: the bundled one")
    parser.add_argument("--device", help="auto, cpu, cuda or cuda:N; default: auto")
    parser.set_defaults(command=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    from bratseg.config import read_config
    from bratseg.demo import EDITION, phantom_case, run_demo

    folder = arguments.case
    if folder is None:
        print("making a phantom ...", file=sys.stderr)
        folder = phantom_case(arguments.output / "cases")
    print(f"segmenting {folder} ...", file=sys.stderr)
    demo = run_demo(folder, arguments.output, read_config(), weights=arguments.weights, device=arguments.device)
    print(_line(demo.result))
    if demo.score is None:
        print("no reference (-seg) beside the images, so there is no score")
    else:
        print(f"\nscores, rules of {EDITION}:")
        for row in _score_table(demo.score):
            print(row)
    print(f"\nsegmentation  {demo.segmentation}\npicture       {demo.picture}\nreport        {demo.report}")
    return OK


def _score_table(score: "CaseScore") -> list[str]:
    columns = {"LesionWise_Score_Dice": "lesion-wise Dice", "LesionWise_Score_HD95": "lesion-wise HD95"}
    columns |= {"Num_TP": "detected", "Num_FN": "missed", "Num_FP": "spurious"}
    rows = ["region  " + "  ".join(f"{name:>16}" for name in columns.values())]
    for region, values in score.regions.items():
        rows.append(f"{region:<6}  " + "  ".join(f"{values[column]:>16.4g}" for column in columns))
    return rows


# info


def _info(_: argparse.Namespace) -> int:
    packages = ("brats-harness", "torch", "monai", "dynamic-network-architectures", "nibabel", "numpy", "pyradiomics")
    print(json.dumps({name: _version(name) for name in packages}, indent=1))
    return OK


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
