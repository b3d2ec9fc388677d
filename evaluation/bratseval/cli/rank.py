"""bratseval rank: the tables of a leaderboard ranked as the organisers do."""

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

_AS_ASKED: Final = ("not the edition's: as asked for",)
_MAX_PERMUTATIONS: Final = 10_000_000


def add_rank(parser: argparse.ArgumentParser) -> None:
    add_leaderboard_option(parser)
    parser.add_argument("--edition", type=named_edition, metavar="NAME", help="tables of this edition alone")
    parser.add_argument("--table", type=int, metavar="NUMBER", help="this table alone; see bratseval leaderboard list")
    add_ranking_options(parser)
    parser.add_argument("--scheme", choices=SCHEMES, help="default: the edition's")
    parser.add_argument("--ties", choices=TIES, default="average", help="what equals share; default: %(default)s")
    parser.add_argument("--samples", type=_count, default=2000, help="of the bootstrap; default: %(default)s")
    parser.add_argument("--published", action="store_true", help="tell published results besides, unranked")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all of it as JSON, too")
    parser.set_defaults(command=_rank)


def add_ranking_options(parser: argparse.ArgumentParser) -> None:
    """What rank and compare share."""
    parser.add_argument("--metrics", nargs="+", metavar="METRIC", help="as in cases.csv, without the region")
    parser.add_argument("--missing", choices=MISSING, help="what a missing value counts; default: the edition's")
    parser.add_argument("--permutations", type=_count, default=PERMUTATIONS, help="default: %(default)s")
    parser.add_argument("--seed", type=_seed, default=0, help="of permutations and samples; default: %(default)s")


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
    def tell(leaderboard: "Leaderboard") -> None:
        rankings = _rankings(leaderboard, arguments)
        if arguments.json:
            _write_json(arguments.json, rankings)

    return on_leaderboard(arguments.leaderboard, tell)


def _rankings(leaderboard: "Leaderboard", arguments: argparse.Namespace) -> dict[int, "Ranking"]:
    """Rank the chosen tables, each by itself, and print them."""
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
        raise InputError(f"{leaderboard.path}: has no such table. Check --edition and --table against its list.")
    rankings = {}
    for number, table in tables.items():
        entries = {entry.name: leaderboard.scores(entry.number, lesions=False) for entry in leaderboard.entries(number)}
        rankings[number] = rank(entries, EDITIONS[table.edition], settings(EDITIONS[table.edition], arguments))
        print(printable(f"{table_line(number, table)}\n{ranking_text(rankings[number])}\n"))
        if arguments.published:
            print(printable(f"{published_text(published_beside(table.edition))}\n"))
    return rankings


def settings(edition: Edition, arguments: argparse.Namespace) -> "RankingSettings":
    """The edition's settings, changed where the command line says so; all of them from there where it has none."""
    from bratseval.ranking import RankingSettings, settings_of

    named = (arguments.metrics, arguments.scheme, arguments.missing)
    if edition.ranking is None and all(named):
        usual = RankingSettings(tuple(arguments.metrics), arguments.scheme, arguments.missing, sources=_AS_ASKED)
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
    return replace(changed, sources=_AS_ASKED) if asked else changed


def _write_json(path: Path, rankings: dict[int, "Ranking"]) -> None:
    from bratseval.cli.standings_text import ranking_json
    from bratseval.files.atomic import write_json
    from bratseval.results.tables import without_nan

    content = [{"table": number, **ranking_json(ranking)} for number, ranking in rankings.items()]
    write_json(path, without_nan(content))
