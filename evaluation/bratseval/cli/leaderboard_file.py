"""What the leaderboard commands share: the option for its file, and the errors of that file."""

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
    parser.add_argument("--leaderboard", type=Path, required=required, metavar="FILE", help="the leaderboard file")


def on_leaderboard(path: Path, work: Callable[["Leaderboard"], None], *, create: bool = False) -> int:
    """Open a leaderboard, pass it to `work`, and return the exit code.

    Raises:
        InputError: the file is not a leaderboard, or `work` raises it.
    """
    import sqlite3

    from bratseval.leaderboard import Leaderboard

    try:
        with Leaderboard(path, create=create) as leaderboard:
            work(leaderboard)
    except sqlite3.OperationalError as error:
        return _failed(f"{path}: cannot be used ({error}). Check disk, permissions and other processes.", ENVIRONMENT)
    except sqlite3.DatabaseError as error:
        return _failed(f"{path}: is damaged ({error}). Restore a backup.", INVALID_INPUT)
    except OSError as error:
        return _failed(f"{error.filename or path}: {error.strerror or error}. Check disk and permissions.", ENVIRONMENT)
    return OK


def _failed(text: str, code: int) -> int:
    print(printable(text), file=sys.stderr)
    return code
