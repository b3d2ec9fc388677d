"""bratseval leaderboard: add, import-csv, list, show, remove, export."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bratseval.challenge import EDITIONS
from bratseval.cli.editions import named_edition
from bratseval.cli.leaderboard_file import add_leaderboard_option, on_leaderboard
from bratseval.cli.printable import counted, printable

if TYPE_CHECKING:
    from bratseval.leaderboard import Leaderboard, LeaderboardEntry, SubmissionScores, Table


def add_leaderboard(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    adding = commands.add_parser("add", help="add a scores.json")
    adding.add_argument("scores", type=Path, help="a scores.json that bratseval score wrote")
    _add_entry_options(adding)
    adding.set_defaults(command=_add)
    importing = commands.add_parser(
        "import-csv", help="add a file of scores per case from the platform (all_scores.csv)"
    )
    importing.add_argument("scores", type=Path, help="a CSV file with the columns scan_id, LesionWise_Dice_ET, …")
    importing.add_argument(
        "--edition", required=True, type=named_edition, metavar="NAME", help="the edition that it was scored by"
    )
    _add_entry_options(importing)
    importing.set_defaults(command=_import)
    listing = commands.add_parser("list", help="list the tables and their entries")
    add_leaderboard_option(listing)
    listing.set_defaults(command=_list)
    showing = commands.add_parser("show", help="show an entry and its mean scores")
    removing = commands.add_parser("remove", help="delete an entry")
    for entry, command in ((showing, _show), (removing, _remove)):
        entry.add_argument("entry", help="number or name of the entry")
        add_leaderboard_option(entry)
        entry.set_defaults(command=command)
    exporting = commands.add_parser("export", help="write every value to a .csv file, or everything to a .json file")
    exporting.add_argument("-o", "--output", type=_csv_or_json, required=True, help="a .csv or .json file")
    add_leaderboard_option(exporting)
    exporting.set_defaults(command=_export)


def _add_entry_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", required=True, metavar="TEAM/RUN", help="name of the entry")
    parser.add_argument(
        "--tag", type=_tag, action="append", default=[], metavar="KEY=VALUE", help="a note; can be repeated"
    )
    add_leaderboard_option(parser)


def _tag(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError(f"{text} is not of the form KEY=VALUE")
    return key, value


def _csv_or_json(text: str) -> Path:
    path = Path(text)
    if path.suffix not in (".csv", ".json"):
        raise argparse.ArgumentTypeError(f"{text} ends in neither .csv nor .json")
    return path


def _add(arguments: argparse.Namespace) -> int:
    from bratseval.leaderboard import read_scores

    return _keep(read_scores(arguments.scores), arguments)


def _import(arguments: argparse.Namespace) -> int:
    from bratseval.leaderboard import read_platform_file

    return _keep(read_platform_file(arguments.scores, arguments.edition), arguments)


def _keep(scores: "SubmissionScores", arguments: argparse.Namespace) -> int:
    def keep(leaderboard: "Leaderboard") -> None:
        added = leaderboard.add(scores, arguments.name, dict(arguments.tag))
        entry = added.entry
        done = f"added {entry.name} as" if added.new else f"not added, the same scores exist as {entry.name},"
        print(printable(f"{done} entry {entry.number} of table {entry.table} ({counted(entry.cases, 'case')})"))

    return on_leaderboard(arguments.leaderboard, keep, create=True)


def _list(arguments: argparse.Namespace) -> int:
    def show(leaderboard: "Leaderboard") -> None:
        for number, table in leaderboard.tables().items():
            print(printable(table_line(number, table)))
            for entry in leaderboard.entries(number):
                tags = "".join(f" {key}={value}" for key, value in entry.tags.items())
                failed = f", {counted(entry.failed, 'case')} failed" if entry.failed else ""
                print(printable(f"  {entry.number:>4}  {entry.name}  {entry.added}{failed}{tags}"))

    return on_leaderboard(arguments.leaderboard, show)


def table_line(number: int, table: "Table") -> str:
    """A table as one line: edition, regions, cases, references and evaluator."""
    cases = counted(len(table.references), "case")
    known = "imported, references unknown" if table.imported else f"references {table.reference_set}, {table.evaluator}"
    labels = ", legacy labels" if table.labels == "legacy" else ""
    regions = " ".join(table.regions)
    return f"table {number}: {EDITIONS[table.edition].title} ({table.edition}), {regions}, {cases}, {known}{labels}"


def _show(arguments: argparse.Namespace) -> int:
    def show(leaderboard: "Leaderboard") -> None:
        entry = leaderboard.find(arguments.entry)
        scores = leaderboard.scores(entry.number, lesions=False)
        table = leaderboard.tables()[entry.table]
        print(printable("\n".join(_described(entry, scores, table_line(entry.table, table)))))

    return on_leaderboard(arguments.leaderboard, show)


def _described(entry: "LeaderboardEntry", scores: "SubmissionScores", table: str) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in scores.versions.items())
    lines = [
        f"entry {entry.number}: {entry.name}, added {entry.added}",
        f"{counted(entry.cases, 'case')}, {entry.failed} failed",
        table,
        f"scores {entry.digest}",
        *([f"versions: {versions}"] if versions else []),
        *(f"tag {key}: {value}" for key, value in entry.tags.items()),
        *(f"belongs to no case: {name}" for name in scores.unknown),
    ]
    means = _means(scores)
    width = max(map(len, means), default=0)
    lines += [f"{name:<{width}}  {mean:>10.4f}  of {counted(n, 'case')}" for name, (mean, n) in means.items()]
    for case in scores.cases:
        texts = [text for text in (case.reason.removeprefix(f"{case.case}: "), *case.warnings) if text]
        lines += [f"{case.case}: {case.status}: {'; '.join(texts)}"] if texts else []
    return lines


def _means(scores: "SubmissionScores") -> Mapping[str, tuple[float, int]]:
    """The mean of each column over the cases that have a value, and the number of these cases."""
    import numpy as np

    from bratseval.leaderboard.export import named_values

    cases = [named_values(case, scores.edition) for case in scores.cases]
    columns = {name: np.array([case.get(name, np.nan) for case in cases]) for name in cases[0]}
    there = {name: column[~np.isnan(column)] for name, column in columns.items()}
    return {name: (float(column.mean()), len(column)) for name, column in there.items() if len(column)}


def _remove(arguments: argparse.Namespace) -> int:
    def remove(leaderboard: "Leaderboard") -> None:
        entry = leaderboard.find(arguments.entry)
        leaderboard.remove(entry.number)
        print(printable(f"removed entry {entry.number}, {entry.name}"))

    return on_leaderboard(arguments.leaderboard, remove)


def _export(arguments: argparse.Namespace) -> int:
    from bratseval.leaderboard.export import export_csv, export_json

    def export(leaderboard: "Leaderboard") -> None:
        (export_csv if arguments.output.suffix == ".csv" else export_json)(leaderboard, arguments.output)
        print(printable(f"written to {arguments.output}"))

    return on_leaderboard(arguments.leaderboard, export)
