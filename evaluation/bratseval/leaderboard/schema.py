"""How a leaderboard lies in its SQLite file: the tables, their versions, and the way from each version to the next."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from bratseval.errors import InputError

APPLICATION_ID: Final = 0x42726154  # "BraT": distinguishes the file from any other database
BUSY_S: Final = 60.0  # how long one process waits for another

# Each entry leads from its position to the next version and is never changed once released.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE tables (
            id INTEGER PRIMARY KEY,
            digest TEXT NOT NULL UNIQUE,
            edition TEXT NOT NULL,
            evaluator TEXT NOT NULL,
            labels TEXT NOT NULL,
            regions TEXT NOT NULL, -- JSON list
            reference_sha256 TEXT NOT NULL -- JSON, by case; "" where unknown
        )""",
        """CREATE TABLE entries (
            id INTEGER PRIMARY KEY AUTOINCREMENT, -- a number that was removed never comes back
            digest TEXT NOT NULL UNIQUE,
            table_id INTEGER NOT NULL REFERENCES tables,
            name TEXT NOT NULL,
            added TEXT NOT NULL, -- UTC, ISO 8601
            versions TEXT NOT NULL, -- JSON, by package
            unknown TEXT NOT NULL, -- JSON list
            UNIQUE (table_id, name)
        )""",
        """CREATE TABLE cases (
            id INTEGER PRIMARY KEY,
            entry_id INTEGER NOT NULL REFERENCES entries ON DELETE CASCADE,
            name TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('scored', 'failed')),
            reason TEXT NOT NULL,
            refused TEXT NOT NULL,
            warnings TEXT NOT NULL, -- JSON list
            files TEXT NOT NULL, -- JSON, sha256 by path
            reference TEXT NOT NULL, -- a path of files
            UNIQUE (entry_id, name)
        )""",
        """CREATE TABLE case_values (
            case_id INTEGER NOT NULL REFERENCES cases ON DELETE CASCADE,
            origin TEXT NOT NULL CHECK (origin IN ('official', 'corrected', 'evaluator')),
            region TEXT NOT NULL,
            metric TEXT NOT NULL,
            value REAL, -- NULL is NaN
            PRIMARY KEY (case_id, origin, region, metric)
        ) WITHOUT ROWID""",
        """CREATE TABLE lesions (
            case_id INTEGER NOT NULL REFERENCES cases ON DELETE CASCADE,
            position INTEGER NOT NULL,
            region TEXT NOT NULL,
            number INTEGER NOT NULL,
            outcome TEXT NOT NULL CHECK (outcome IN ('detected', 'missed', 'spurious')),
            counted INTEGER NOT NULL,
            volume_mm3 REAL, x_voxels REAL, y_voxels REAL, z_voxels REAL,
            dice REAL, hd95_mm REAL, nsd_at_half_mm REAL, nsd_at_1_mm REAL, nsd REAL,
            x_mm REAL, y_mm REAL, z_mm REAL,
            PRIMARY KEY (case_id, position)
        ) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE tags (
            entry_id INTEGER NOT NULL REFERENCES entries ON DELETE CASCADE,
            key TEXT NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (entry_id, key)
        ) WITHOUT ROWID""",
    ),
)
VERSION: Final = len(MIGRATIONS)


def connect(path: Path, *, create: bool) -> sqlite3.Connection:
    """An open leaderboard of today's version; transactions are begun and ended by hand.

    Args:
        create: make the file if there is none.

    Raises:
        InputError: the file does not exist, is not a leaderboard, or was written by a newer version.
        sqlite3.OperationalError: the disk refuses, or another process holds the file for `BUSY_S`.
    """
    if not create and not path.is_file():
        raise InputError(f"{path}: does not exist, expected a leaderboard. Create it with `bratseval leaderboard add`.")
    connection = sqlite3.connect(path.absolute(), timeout=BUSY_S, isolation_level=None)
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    try:
        version = _version(connection, path)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        raise InputError(f"{path}: is not a leaderboard ({error}). Give another file.") from None
    if version < VERSION:
        _use_log(connection)
        _migrate(connection, path)
    connection.execute("PRAGMA foreign_keys = ON")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the file; 0 when it is empty.

    Raises:
        InputError: it is another program's, or a newer version's.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (tables or version):
        raise InputError(f"{path}: is a database of another program, expected a leaderboard. Give another file.")
    if version > VERSION:
        raise InputError(
            f"{path}: is a leaderboard of version {version}, expected at most {VERSION}. Update brats-harness."
        )
    return int(version)


def _use_log(connection: sqlite3.Connection) -> None:
    """Switch to a write-ahead log: readers and one writer at once. SQLite does not wait for this lock by itself."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            with closing(connection.execute("PRAGMA journal_mode = wal")):
                return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Lead the file to today's version in one transaction; whoever comes second finds it done."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statements in MIGRATIONS[_version(connection, path) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has ended it already
            connection.execute("ROLLBACK")
        raise
