"""What the commands on a leaderboard share: its option, and what becomes of a file that refuses."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bratseval.cli.codes import ENVIRONMENT, INVALID_INPUT, OK
from bratseval.cli.printable import printable

if TYPE_CHECKING:
    from bratseval.leaderboard import Leaderboard


def add_leaderboard_option(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    parser.add_argument("--leaderboard", type=Path, required=required, metavar="FILE", help="the leaderboard's file")


def on_leaderboard(path: Path, work: Callable[["Leaderboard"], None], *, create: bool = False) -> int:
    """Do something with an open leaderboard; gives the exit code.

    Raises:
        InputError: the file is no leaderboard, or what the work raises.
    """
    import sqlite3

    from bratseval.leaderboard import Leaderboard

    try:
        with Leaderboard(path, create=create) as leaderboard:
            work(leaderboard)
    except sqlite3.OperationalError as error:
        return _told(f"{path}: refuses ({error}). Check disk, permissions and who else holds it.", ENVIRONMENT)
    except sqlite3.DatabaseError as error:
        return _told(f"{path}: is damaged ({error}). Restore a copy of it.", INVALID_INPUT)
    except OSError as error:
        told = f"{error.filename or path}: {error.strerror or error}. Check disk and permissions."
        return _told(told, ENVIRONMENT)
    return OK


def _told(text: str, code: int) -> int:
    print(printable(text), file=sys.stderr)
    return code
