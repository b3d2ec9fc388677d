"""bratseval rank: rank the submissions of a leaderboard as the organisers do."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bratseval.challenge import EDITIONS, Edition
from bratseval.challenge.ranking import PERMUTATIONS
from bratseval.challenge.rules import MISSING, SCHEMES, TIES
from bratseval.cli.editions import named_edition
from bratseval.cli.leaderboard_file import add_leaderboard_option, on_leaderboard
from bratseval.cli.printable import printable
from bratseval.errors import InputError

if TYPE_CHECKING:
    from bratseval.leaderboard import Leaderboard
    from bratseval.ranking import Ranking, RankingSettings

_FROM_COMMAND_LINE: Final = ("chosen on the command line, not the edition's",)
_MAX_PERMUTATIONS: Final = 10_000_000


def add_rank(parser: argparse.ArgumentParser) -> None:
    add_leaderboard_option(parser)
    parser.add_argument("--edition", type=named_edition, metavar="NAME", help="rank only the tables of this edition")
    parser.add_argument(
        "--table", type=int, metavar="NUMBER", help="rank only this table; see bratseval leaderboard list"
    )
    add_ranking_options(parser)
    parser.add_argument("--scheme", choices=SCHEMES, help="how ranks are computed; default: the edition's")
    parser.add_argument(
        "--ties", choices=TIES, default="average", help="which rank equal values get; default: %(default)s"
    )
    parser.add_argument("--samples", type=_count, default=2000, help="bootstrap samples; default: %(default)s")
    parser.add_argument("--published", action="store_true", help="also show published results, which are not ranked")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the whole ranking to a JSON file")
    parser.set_defaults(command=_rank)


def add_ranking_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that rank, compare and report share."""
    parser.add_argument(
        "--metrics",
        nargs="+",
        metavar="METRIC",
        help="column names in cases.csv without the region; default: the edition's",
    )
    parser.add_argument("--missing", choices=MISSING, help="how missing values count; default: the edition's")
    parser.add_argument(
        "--permutations", type=_count, default=PERMUTATIONS, help="permutations of each test; default: %(default)s"
    )
    parser.add_argument("--seed", type=_seed, default=0, help="random seed; default: %(default)s")


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= _MAX_PERMUTATIONS:
        raise argparse.ArgumentTypeError(f"{number} is not from 1 to {_MAX_PERMUTATIONS}")
    return number


def _seed(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is negative")
    return number


def _rank(arguments: argparse.Namespace) -> int:
    def show(leaderboard: "Leaderboard") -> None:
        rankings = _rankings(leaderboard, arguments)
        if arguments.json:
            _write_json(arguments.json, rankings)

    return on_leaderboard(arguments.leaderboard, show)


def _rankings(leaderboard: "Leaderboard", arguments: argparse.Namespace) -> dict[int, "Ranking"]:
    """The ranking of each chosen table, by its number; each is printed."""
    from bratseval.cli.leaderboard import table_line
    from bratseval.cli.standings_text import published_text, ranking_text
    from bratseval.leaderboard.published import published_beside
    from bratseval.ranking import rank

    edition = arguments.edition.name if arguments.edition else None
    tables = {
        number: table
        for number, table in leaderboard.tables().items()
        if edition in (None, table.edition) and arguments.table in (None, number)
    }
    if not tables:
        raise InputError(
            f"{leaderboard.path}: has no such table. Check --edition and --table with `bratseval leaderboard list`."
        )
    rankings = {}
    for number, table in tables.items():
        entries = {entry.name: leaderboard.scores(entry.number, lesions=False) for entry in leaderboard.entries(number)}
        rankings[number] = rank(entries, EDITIONS[table.edition], settings(EDITIONS[table.edition], arguments))
        print(printable(f"{table_line(number, table)}\n{ranking_text(rankings[number])}\n"))
        if arguments.published:
            print(printable(f"{published_text(published_beside(table.edition))}\n"))
    return rankings


def settings(edition: Edition, arguments: argparse.Namespace) -> "RankingSettings":
    """The edition's ranking settings with those of the command line in their place.

    Raises:
        InputError: the edition states no ranking and the command line does not give all of it.
    """
    from bratseval.ranking import RankingSettings, settings_of

    named = (arguments.metrics, arguments.scheme, arguments.missing)
    if edition.ranking is None and all(named):
        usual = RankingSettings(
            tuple(arguments.metrics), arguments.scheme, arguments.missing, sources=_FROM_COMMAND_LINE
        )
    else:
        usual = settings_of(edition)
    changed = replace(
        usual,
        metrics=tuple(arguments.metrics or usual.metrics),
        scheme=arguments.scheme or usual.scheme,
        missing=arguments.missing or usual.missing,
        ties=arguments.ties,
        permutations=arguments.permutations,
        samples=arguments.samples,
        seed=arguments.seed,
    )
    asked = (usual.metrics, usual.scheme, usual.missing) != (changed.metrics, changed.scheme, changed.missing)
    return replace(changed, sources=_FROM_COMMAND_LINE) if asked else changed


def _write_json(path: Path, rankings: dict[int, "Ranking"]) -> None:
    from bratseval.cli.standings_text import ranking_json
    from bratseval.files.atomic import write_json
    from bratseval.results.tables import without_nan

    content = [{"table": number, **ranking_json(ranking)} for number, ranking in rankings.items()]
    write_json(path, without_nan(content))
