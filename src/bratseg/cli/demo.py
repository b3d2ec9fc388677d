"""bratseg demo: one case from its images to a report in the browser."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bratseval.cli.codes import ENVIRONMENT, INVALID_INPUT, OK, SOME_FAILED
from bratseval.extras import INFER, PICTURE, REPORT, MissingExtraError, require

if TYPE_CHECKING:
    from bratseg.demo.one_case import DemoFolder
    from bratseg.demo.scored_case import RankedEntries
    from bratseval.files.cases import Case


def add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, default=Path("demo"), help="folder; default: %(default)s")
    parser.add_argument("--case", type=Path, help="a case folder; default: a phantom is made")
    parser.add_argument("--weights", type=Path, help="a weights folder; default: the bundled one")
    parser.add_argument("--device", help="auto, cpu, cuda or cuda:N; default: auto")
    parser.set_defaults(command=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    require(INFER)
    import sqlite3

    try:
        return _run(arguments)
    except (OSError, sqlite3.Error) as error:
        print(f"{arguments.output}: cannot be written ({error}). Check disk and permissions.", file=sys.stderr)
        return ENVIRONMENT


def _run(arguments: argparse.Namespace) -> int:
    from bratseg.cli.progress import case_line
    from bratseg.demo.one_case import DemoFolder, phantom_case, segment_case, single_case
    from bratseg.inference.config import read_config

    folder = DemoFolder(arguments.output)
    if arguments.case is None:
        print("making a phantom: a brain with a tumour and its reference ...", file=sys.stderr)
    case = single_case(arguments.case or phantom_case(folder))
    print(f"segmenting {case.id} ...", file=sys.stderr)
    segmented = segment_case(case, folder, read_config(), weights=arguments.weights, device=arguments.device)
    print(case_line(segmented.result))
    if segmented.result.state not in ("ok", "degraded"):
        return INVALID_INPUT if segmented.result.state == "invalid_input" else SOME_FAILED
    ranked = None if case.reference is None else _score(case, folder, segmented.weights)
    _show(case, folder, ranked)
    return OK


def _score(case: "Case", folder: "DemoFolder", weights: str) -> "RankedEntries":
    from bratseg.demo.one_case import link_case
    from bratseg.demo.scored_case import add_to_leaderboard, score_segmentation

    link_case(case, folder)
    scores = score_segmentation(case, folder)
    print(f"\n{scores}")
    return add_to_leaderboard(scores, folder, weights)


def _show(case: "Case", folder: "DemoFolder", ranked: "RankedEntries | None") -> None:
    """Draw what the installed packages can draw, and say where everything is."""
    from bratseg.demo.one_case import draw_segmentation
    from bratseg.demo.scored_case import write_demo_report

    places = {"segmentation": folder.prediction(case), "run": folder.run_report}
    if ranked is not None:
        places |= {"scores": folder.scores, "leaderboard": folder.leaderboard}
    lacking = ""
    try:
        require(PICTURE)
        draw_segmentation(case, folder)
        places["picture"] = folder.picture
        if ranked is not None:
            require(REPORT)
            places["report"] = write_demo_report(ranked, folder)  # last, where the eye ends
    except MissingExtraError:
        lacking = "no report: it needs packages that are not installed. Install brats-harness[report]."
    print()
    for name, path in places.items():
        print(f"{name:<14}{path}")
    if lacking:
        print(lacking, file=sys.stderr)
    if ranked is None:
        print("\nThe case has no reference (-seg) beside its images, so there are no scores.")
    else:
        _print_next_commands(folder, ranked)


def _print_next_commands(folder: "DemoFolder", ranked: "RankedEntries") -> None:
    from bratseg.demo.next_commands import activation_line, next_commands
    from bratseg.demo.scored_case import EDITION

    print("\nGo on by hand:\n")
    activate = activation_line(Path(sys.prefix), Path(sys.base_prefix), Path.cwd())
    commands = next_commands(folder, EDITION.name, () if ranked.only_table else ranked.numbers)
    for line in [*([activate] if activate else []), *commands]:
        print(f"  {line}")
