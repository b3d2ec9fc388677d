"""bratseval compare: two submissions case by case, in the terminal."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bratseval.challenge import EDITIONS
from bratseval.cli.codes import OK
from bratseval.cli.leaderboard_file import add_leaderboard_option, on_leaderboard
from bratseval.cli.printable import printable
from bratseval.cli.rank import add_ranking_options
from bratseval.errors import InputError

if TYPE_CHECKING:
    from bratseval.leaderboard import Leaderboard, SubmissionScores, Table
    from bratseval.ranking import Comparison

_TOLD: Final = 10  # cases at each end, unless all are asked for


def add_compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", help="a scores.json, or with --leaderboard the number or name of an entry")
    parser.add_argument("second", help="another, scored by the same rules on the same references")
    add_leaderboard_option(parser, required=False)
    add_ranking_options(parser)
    parser.add_argument("--all", action="store_true", help=f"tell all cases, not the {_TOLD} at each end")
    parser.set_defaults(command=_compare)


def _compare(arguments: argparse.Namespace) -> int:
    called = (arguments.first, arguments.second)
    if arguments.leaderboard is None:
        from bratseval.leaderboard import read_scores

        _tell(called, (read_scores(Path(called[0])), read_scores(Path(called[1]))), arguments)
        return OK

    def tell(leaderboard: "Leaderboard") -> None:
        entries = [leaderboard.find(name) for name in called]
        first, second = (leaderboard.scores(entry.number, lesions=False) for entry in entries)
        _tell((entries[0].name, entries[1].name), (first, second), arguments)

    return on_leaderboard(arguments.leaderboard, tell)


def _tell(
    called: tuple[str, str], pair: tuple["SubmissionScores", "SubmissionScores"], arguments: argparse.Namespace
) -> None:
    """Compare and print.

    Raises:
        InputError: the two can't stand in one table.
    """
    from bratseval.leaderboard import table_of
    from bratseval.ranking import ComparisonSettings, compare, settings_of

    tables = table_of(pair[0]), table_of(pair[1])
    problems = _differences(called, tables)
    if problems:
        raise InputError("\n".join(problems))
    edition = EDITIONS[pair[0].edition]
    metrics, missing = arguments.metrics, arguments.missing
    if not (metrics and missing):
        usual = settings_of(edition)
        metrics, missing = metrics or usual.metrics, missing or usual.missing
    settings = ComparisonSettings(tuple(metrics), missing, arguments.permutations, arguments.seed)
    comparison = compare(*pair, edition, settings)
    lines = [
        f"A: {called[0]}",
        f"B: {called[1]}",
        f"{edition.title} ({edition.name}), {len(comparison.cases)} cases, missing values {missing}; p: two-sided, "
        f"{arguments.permutations} permutations, seed {arguments.seed}",
        *_columns(comparison),
        f"of {len(comparison.cases)} cases A wins {comparison.won} in most columns and loses {comparison.lost}; "
        f"p of the ranks by case {comparison.p:.5f}",
        *_cases(comparison, everything=arguments.all),
    ]
    print(printable("\n".join(lines)))


def _differences(called: tuple[str, str], tables: tuple["Table", "Table"]) -> list[str]:
    """Why two submissions can't be compared, in words."""
    first, second = tables
    problems = []
    for what, a, b in (
        ("edition", first.edition, second.edition),
        ("evaluator", first.evaluator, second.evaluator),
        ("labels", first.labels, second.labels),
        ("regions", " ".join(first.regions), " ".join(second.regions)),
    ):
        if a != b:
            problems.append(f"{called[1]}: has the {what} {b}, expected {a} as {called[0]}. Score both alike.")
    alone = sorted(first.references.keys() ^ second.references.keys())
    if alone:
        told = ", ".join(alone[:3])
        problems.append(f"{called[1]}: has other cases than {called[0]} ({told} …). Score both on the same references.")
    both = first.references.keys() & second.references.keys()
    changed = [case for case in both if first.references[case] != second.references[case]]
    if changed:
        told = ", ".join(sorted(changed)[:3])
        problems.append(f"{called[1]}: has other references than {called[0]} ({told} …). Score both on the same.")
    return problems


def _columns(comparison: "Comparison") -> list[str]:
    from bratseval.cli.standings_text import aligned

    rows = [
        (
            f"{column.first:.4f}",
            f"{column.second:.4f}",
            f"{column.first - column.second:+.4f}",
            str(column.won),
            str(column.lost),
            str(column.tied),
            f"{column.p:.5f}",
            column.column.name,
        )
        for column in comparison.columns
    ]
    return aligned([("A", "B", "A - B", "won", "lost", "tied", "p", ""), *rows])


def _cases(comparison: "Comparison", *, everything: bool) -> list[str]:
    from bratseval.cli.standings_text import aligned

    different = [case for case in comparison.cases if case.won or case.lost]
    if not different:
        return ["no case differs"]
    told = different if everything or len(different) <= 2 * _TOLD else [*different[:_TOLD], *different[-_TOLD:]]
    names = (column.column.name for column in comparison.columns)
    head = ("won", "lost", *names, "A - B, most clearly lost first")
    rows = [
        (str(case.won), str(case.lost), *(f"{value:+.4f}" for value in case.differences.values()), case.case)
        for case in told
    ]
    left = len(different) - len(told)
    return [*aligned([head, *rows]), *([f"{left} cases between them; --all tells them"] if left else [])]
