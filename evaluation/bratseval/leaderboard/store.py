"""The leaderboard: one SQLite file that keeps submissions, each in the table of those it may be compared with."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final

from bratseval.errors import InputError
from bratseval.leaderboard.entries import Table, digest_of, table_of
from bratseval.leaderboard.rows import insert_case, scores_row, select_cases
from bratseval.leaderboard.schema import connect
from bratseval.results.submission_scores import IMPORTED, SubmissionScores

MAX_NAME: Final = 100  # characters
MAX_TAG: Final = 1000
_TAG_KEY: Final = re.compile(r"[A-Za-z_][\w.-]{0,63}")


@dataclass(frozen=True)
class LeaderboardEntry:
    """A submission on the leaderboard, without its values.

    Attributes:
        number: its own for ever; that of a removed entry never comes back.
        table: the number of the table it stands in.
        digest: of its scores; see `entries.digest_of`.
        added: when, in UTC.
        cases, failed: how many it has, and how many of them have no prediction that could be used.
    """

    number: int
    table: int
    name: str
    digest: str
    added: str
    cases: int
    failed: int
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Added:
    """What became of scores that were added: the entry that holds them, and whether it is new."""

    entry: LeaderboardEntry
    new: bool


class Leaderboard:
    """An open leaderboard; use it in a `with`. Several processes may hold the same file.

    Every change is one transaction: it is on the disk when the method returns, and a
    process that is killed before leaves nothing of it.

    Raises:
        sqlite3.OperationalError: (any method) the disk refuses, or another process holds
            the file for longer than `schema.BUSY_S`.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """Open a leaderboard, leading an older file to today's version.

        Raises:
            InputError: see `schema.connect`.
        """
        self.path = path
        self._connection = connect(path, create=create)

    def __enter__(self) -> "Leaderboard":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def add(self, scores: SubmissionScores, name: str, tags: Mapping[str, str] | None = None) -> Added:
        """Keep scores under a name, with free tags.

        The same scores twice are the same entry: its tags are updated if the name is the
        same, and nothing changes if it is another.

        Raises:
            InputError: the name or a tag is not as it should be, or other scores have the
                name in the same table.
        """
        check_name(name)
        check_tags(tags or {})
        digest = digest_of(scores)
        with self._transaction():
            there = self._connection.execute("SELECT id, name FROM entries WHERE digest = ?", (digest,)).fetchone()
            number, named = there or (self._insert(scores, name, digest), name)
            if named == name:
                self._tag(number, tags or {})
        return Added(self.entry(number), new=there is None)

    def remove(self, number: int) -> None:
        """Delete an entry, and its table when it was the last one there.

        Raises:
            InputError: there is no such entry.
        """
        entry = self.entry(number)
        with self._transaction():
            self._connection.execute("DELETE FROM entries WHERE id = ?", (number,))
            self._connection.execute(
                "DELETE FROM tables WHERE id = ? AND id NOT IN (SELECT table_id FROM entries)", (entry.table,)
            )

    def tables(self) -> Mapping[int, Table]:
        """The tables by number."""
        rows = self._connection.execute(
            "SELECT id, edition, evaluator, labels, regions, reference_sha256 FROM tables ORDER BY id"
        )
        return {
            number: Table(edition, evaluator, labels, tuple(json.loads(regions)), json.loads(references))
            for number, edition, evaluator, labels, regions, references in rows
        }

    def entries(self, table: int | None = None) -> tuple[LeaderboardEntry, ...]:
        """The entries of a table, or all, in the order in which they were added."""
        return self._entries("? IS NULL OR table_id = ?", table, table)

    def entry(self, number: int) -> LeaderboardEntry:
        """The entry of that number.

        Raises:
            InputError: there is none.
        """
        entries = self._entries("id = ?", number)
        if not entries:
            raise InputError(f"{self.path}: has no entry {number}. See `bratseval leaderboard list`.")
        return entries[0]

    def find(self, called: str) -> LeaderboardEntry:
        """The entry of that number or name.

        Raises:
            InputError: there is none, or several tables have one of that name.
        """
        if called.isascii() and called.isdigit() and len(called) < 19:  # no name: it has no slash
            return self.entry(int(called))
        entries = self._entries("name = ?", called)
        if not entries:
            raise InputError(f"{self.path}: has no entry {called}. See `bratseval leaderboard list`.")
        if len(entries) > 1:
            numbers = ", ".join(str(entry.number) for entry in entries)
            raise InputError(f"{self.path}: has several entries {called}. Give one of the numbers {numbers}.")
        return entries[0]

    def scores(self, number: int, *, lesions: bool = True) -> SubmissionScores:
        """All that an entry holds.

        Args:
            lesions: read them too, which takes most of the time.

        Raises:
            InputError: there is no such entry.
        """
        entry = self.entry(number)
        table = self.tables()[entry.table]
        versions, unknown = self._connection.execute(
            "SELECT versions, unknown FROM entries WHERE id = ?", (number,)
        ).fetchone()
        cases = select_cases(self._connection, number, lesions=lesions)
        return SubmissionScores(
            table.edition,
            table.labels,
            json.loads(versions),
            cases,
            tuple(json.loads(unknown)),
            table.evaluator == IMPORTED,
        )

    def _entries(self, where: str, *values: object) -> tuple[LeaderboardEntry, ...]:
        rows = self._connection.execute(
            "SELECT id, table_id, name, digest, added,"  # noqa: S608 - `where` is one of the constants above
            " (SELECT count(*) FROM cases WHERE entry_id = entries.id),"
            " (SELECT count(*) FROM cases WHERE entry_id = entries.id AND state = 'failed')"
            f" FROM entries WHERE {where} ORDER BY id",
            values,
        ).fetchall()
        return tuple(
            LeaderboardEntry(number, table, name, digest, added, cases, failed, self._tags(number))
            for number, table, name, digest, added, cases, failed in rows
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # a full disk has ended it already
                self._connection.execute("ROLLBACK")
            raise

    def _insert(self, scores: SubmissionScores, name: str, digest: str) -> int:
        table = self._table(table_of(scores))
        taken = self._connection.execute(
            "SELECT id FROM entries WHERE table_id = ? AND name = ?", (table, name)
        ).fetchone()
        if taken:
            raise InputError(
                f"{self.path}: entry {taken[0]} is also called {name} and has other scores. "
                "Choose another name or remove that entry."
            )
        added = datetime.now(UTC).isoformat(timespec="seconds")
        cursor = self._connection.execute(
            "INSERT INTO entries (digest, table_id, name, added, versions, unknown) VALUES (?, ?, ?, ?, ?, ?)",
            (digest, table, name, added, *scores_row(scores)),
        )
        number = int(cursor.lastrowid or 0)
        for case in scores.cases:
            insert_case(self._connection, number, case)
        return number

    def _table(self, table: Table) -> int:
        """The number of a table, made if there is none."""
        row = (table.digest, table.edition, table.evaluator, table.labels)
        self._connection.execute(
            "INSERT OR IGNORE INTO tables (digest, edition, evaluator, labels, regions, reference_sha256)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (*row, json.dumps(table.regions), json.dumps(dict(table.references))),
        )
        (number,) = self._connection.execute("SELECT id FROM tables WHERE digest = ?", (table.digest,)).fetchone()
        return int(number)

    def _tag(self, entry: int, tags: Mapping[str, str]) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO tags (entry_id, key, value) VALUES (?, ?, ?)",
            ((entry, key, value) for key, value in tags.items()),
        )

    def _tags(self, entry: int) -> Mapping[str, str]:
        rows = self._connection.execute("SELECT key, value FROM tags WHERE entry_id = ? ORDER BY key", (entry,))
        return dict(rows.fetchall())


def check_name(name: str) -> None:
    """Raise InputError unless the name is plain text of the form TEAM/RUN."""
    team, slash, run = name.partition("/")
    if not (team.strip() and slash and run.strip() and name.isprintable() and len(name) <= MAX_NAME):
        raise InputError(
            f"{name[: MAX_NAME + 1]!r}: is not a name, expected TEAM/RUN of at most {MAX_NAME} printable characters. "
            "Choose another."
        )


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise InputError unless keys are words and values printable."""
    for key, value in tags.items():
        if not (_TAG_KEY.fullmatch(key) and value.isprintable() and len(value) <= MAX_TAG):
            raise InputError(
                f"{key[:64]}={value[:64]}: is not a tag, expected a word, = and at most {MAX_TAG} printable "
                "characters. Correct it."
            )
