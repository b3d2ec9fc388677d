"""bratseval compare: compare two submissions case by case, in the terminal."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bratseval.challenge import EDITIONS
from bratseval.cli.codes import OK
from bratseval.cli.leaderboard_file import add_leaderboard_option, on_leaderboard
from bratseval.cli.printable import counted, printable
from bratseval.cli.rank import add_ranking_options
from bratseval.errors import InputError

if TYPE_CHECKING:
    from bratseval.leaderboard import Leaderboard, SubmissionScores, Table
    from bratseval.ranking import Comparison

_SHOWN: Final = 10  # cases at each end, unless --all is given


def add_compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", help="a scores.json, or with --leaderboard the number or name of an entry")
    parser.add_argument("second", help="another one, scored with the same edition on the same references")
    add_leaderboard_option(parser, required=False)
    add_ranking_options(parser)
    parser.add_argument("--all", action="store_true", help=f"show all cases, not only the {_SHOWN} at each end")
    parser.set_defaults(command=_compare)


def _compare(arguments: argparse.Namespace) -> int:
    names = (arguments.first, arguments.second)
    if arguments.leaderboard is None:
        from bratseval.leaderboard import read_scores

        _print_comparison(names, (read_scores(Path(names[0])), read_scores(Path(names[1]))), arguments)
        return OK

    def show(leaderboard: "Leaderboard") -> None:
        entries = [leaderboard.find(name) for name in names]
        first, second = (leaderboard.scores(entry.number, lesions=False) for entry in entries)
        _print_comparison((entries[0].name, entries[1].name), (first, second), arguments)

    return on_leaderboard(arguments.leaderboard, show)


def _print_comparison(
    names: tuple[str, str], pair: tuple["SubmissionScores", "SubmissionScores"], arguments: argparse.Namespace
) -> None:
    """Compare two submissions and print the result.

    Raises:
        InputError: the two cannot be compared.
    """
    from bratseval.leaderboard import table_of
    from bratseval.ranking import ComparisonSettings, compare, settings_of

    tables = table_of(pair[0]), table_of(pair[1])
    problems = _differences(names, tables)
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
        f"A: {names[0]}",
        f"B: {names[1]}",
        f"{edition.title} ({edition.name}), {counted(len(comparison.cases), 'case')}; missing values: {missing}; "
        f"p: two-sided, {counted(arguments.permutations, 'permutation')}, seed {arguments.seed}",
        *_columns(comparison),
        f"A is better in most columns in {comparison.won} of {counted(len(comparison.cases), 'case')}, "
        f"worse in {comparison.lost}; p of the case ranks: {comparison.p:.5f}",
        *_cases(comparison, everything=arguments.all),
    ]
    print(printable("\n".join(lines)))


def _differences(names: tuple[str, str], tables: tuple["Table", "Table"]) -> list[str]:
    """Why two submissions cannot be compared; nothing if they can."""
    first, second = tables
    problems = []
    for what, a, b in (
        ("edition", first.edition, second.edition),
        ("evaluator", first.evaluator, second.evaluator),
        ("labels", first.labels, second.labels),
        ("regions", " ".join(first.regions), " ".join(second.regions)),
    ):
        if a != b:
            problems.append(f"{names[1]}: has the {what} {b}, expected {a} as {names[0]} has. Score both alike.")
    alone = sorted(first.references.keys() ^ second.references.keys())
    if alone:
        problems.append(
            f"{names[1]}: has other cases than {names[0]} ({_first(alone)}). Score both on the same references."
        )
    both = first.references.keys() & second.references.keys()
    changed = [case for case in both if first.references[case] != second.references[case]]
    if changed:
        first_changed = _first(sorted(changed))
        problems.append(f"{names[1]}: has other references than {names[0]} ({first_changed}). Score both on the same.")
    return problems


def _first(cases: Sequence[str]) -> str:
    """The first three cases, with dots if there are more."""
    return ", ".join(cases[:3]) + (", …" if len(cases) > 3 else "")


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
    all_fit = everything or len(different) <= 2 * _SHOWN
    shown = different if all_fit else [*different[:_SHOWN], *different[-_SHOWN:]]
    names = (column.column.name for column in comparison.columns)
    head = ("won", "lost", *names, "case, with A - B; largest loss of A first")
    rows = [
        (str(case.won), str(case.lost), *(f"{value:+.4f}" for value in case.differences.values()), case.case)
        for case in shown
    ]
    hidden = len(different) - len(shown)
    return [
        *aligned([head, *rows]),
        *([f"{counted(hidden, 'case')} in between not shown; use --all"] if hidden else []),
    ]
