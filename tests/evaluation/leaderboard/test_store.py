"""The leaderboard's file: what it keeps, what it keeps apart, and that neither a crowd nor a kill harms it."""

import math
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bratseval.errors import InputError
from bratseval.leaderboard import Leaderboard, SubmissionScores, table_of
from bratseval.leaderboard.schema import APPLICATION_ID, MIGRATIONS, VERSION
from bratseval.scoring.result import CaseStatus
from factories.scores import VERSIONS, case_scores, scores


@pytest.fixture
def board(tmp_path: Path) -> Path:
    return tmp_path / "board.sqlite"


def changed(original: SubmissionScores, **of_the_first_case: object) -> SubmissionScores:
    first, *others = original.cases
    return replace(original, cases=(replace(first, **of_the_first_case), *others))  # type: ignore[arg-type]


def test_what_goes_in_comes_out(board: Path) -> None:
    case = case_scores("a", {"LesionWise_Score_Dice": math.nan, "LesionWise_Score_HD95": math.inf})
    case = replace(
        case,
        status=CaseStatus.FAILED,
        reason="why",
        skipped_by_platform="so",
        warnings=("odd",),
        corrected={"ET": {"Own": 0.25}},
    )
    original = SubmissionScores("ssa-2023", "edition", VERSIONS, (case, case_scores("b", {})), ("stray.nii.gz",))
    with Leaderboard(board, create=True) as leaderboard:
        entry = leaderboard.add(original, "A/1", {"commit": "abc"}).entry
        assert (entry.name, entry.cases, entry.failed, entry.tags) == ("A/1", 2, 1, {"commit": "abc"})
    with Leaderboard(board) as leaderboard:
        again = leaderboard.scores(entry.number)
        without = leaderboard.scores(entry.number, lesions=False)
    values = again.cases[0].regions["ET"]
    assert math.isnan(values["LesionWise_Score_Dice"])
    assert values["LesionWise_Score_HD95"] == math.inf
    assert repr(again.cases[0].lesions) == repr(case.lesions)  # nan is not equal to itself
    assert without.cases[0].lesions == ()
    assert (again.versions, again.unknown, again.labels) == (VERSIONS, ("stray.nii.gz",), "edition")
    told = [
        (c.case, c.status, c.reason, c.skipped_by_platform, c.warnings, c.corrected, c.files, c.reference)
        for c in again.cases
    ]
    first = ("a", "failed", "why", "so", ("odd",), {"ET": {"Own": 0.25}}, case.files, case.reference)
    assert told[0] == first
    assert [c.case for c in again.cases] == ["a", "b"]


def test_the_same_scores_twice_are_one_entry_wherever_their_files_lay(board: Path) -> None:
    moved = changed(scores([0.5, 0.6]), files={}, reference="")
    there = scores([0.5, 0.6]).cases[0]
    moved = changed(
        moved,
        files={f"elsewhere/{path}": sha for path, sha in there.files.items()},
        reference=f"elsewhere/{there.reference}",
    )
    with Leaderboard(board, create=True) as leaderboard:
        first = leaderboard.add(scores([0.5, 0.6]), "A/1", {"a": "1"})
        again = leaderboard.add(moved, "A/1", {"a": "2", "b": "3"})
        other = leaderboard.add(moved, "B/1", {"a": "4"})
        assert (first.new, again.new, other.new) == (True, False, False)
        assert len(leaderboard.entries()) == 1
        assert leaderboard.find("A/1").tags == {"a": "2", "b": "3"}


@pytest.mark.parametrize(
    "what",
    ["measured", "prediction", "state", "lesion"],
)
def test_scores_that_differ_are_another_entry(board: Path, what: str) -> None:
    original = scores([0.5, 0.6])
    first = original.cases[0]
    values = {region: {**values, "Num_FP": 9.0} for region, values in first.regions.items()}
    other = {
        "measured": {"regions": values},
        "prediction": {"files": {**first.files, "predictions/BraTS-SSA-00001-000.nii.gz": "0" * 64}},
        "state": {"status": CaseStatus.FAILED},
        "lesion": {"lesions": ()},
    }[what]
    with Leaderboard(board, create=True) as leaderboard:
        leaderboard.add(original, "A/1")
        with pytest.raises(InputError, match=r"entry 1 is also called A/1 and has other scores"):
            leaderboard.add(changed(original, **other), "A/1")
        assert leaderboard.add(changed(original, **other), "A/2").new
        assert len(leaderboard.tables()) == 1


@pytest.mark.parametrize("what", ["edition", "reference", "cases", "evaluator", "labels", "regions", "imported"])
def test_what_cannot_be_compared_never_shares_a_table(board: Path, what: str) -> None:
    original = scores([0.5, 0.6])
    first = original.cases[0]
    other = {
        "edition": scores([0.5, 0.6], "ssa-2024"),
        "reference": changed(original, files={**first.files, first.reference: "0" * 64}),
        "cases": scores([0.5]),
        "evaluator": replace(original, versions={**VERSIONS, "brats-harness": "0.2.0"}),
        "labels": replace(original, labels="legacy"),
        "regions": replace(
            original, cases=tuple(replace(case, regions={"ET": case.regions["ET"]}) for case in original.cases)
        ),
        "imported": replace(original, imported=True),
    }[what]
    assert table_of(original).digest != table_of(other).digest
    with Leaderboard(board, create=True) as leaderboard:
        first_entry = leaderboard.add(original, "A/1").entry
        other_entry = leaderboard.add(other, "A/1").entry
        assert first_entry.table != other_entry.table
        assert [table.digest for table in leaderboard.tables().values()] == [
            table_of(original).digest,
            table_of(other).digest,
        ]
        with pytest.raises(InputError, match=r"has several entries A/1\. Give one of the numbers 1, 2"):
            leaderboard.find("A/1")
        assert leaderboard.entries(other_entry.table) == (other_entry,)


def test_other_versions_of_numpy_share_a_table() -> None:
    newer = replace(scores([0.5]), versions={**VERSIONS, "numpy": "9.9"})
    assert table_of(newer).digest == table_of(scores([0.5])).digest


def test_a_removed_entry_takes_all_it_had_with_it_and_its_number_never_comes_back(board: Path) -> None:
    with Leaderboard(board, create=True) as leaderboard:
        leaderboard.add(scores([0.5]), "A/1", {"a": "1"})
        leaderboard.remove(1)
        with pytest.raises(InputError, match=r"has no entry 1\. See"):
            leaderboard.remove(1)
        assert leaderboard.tables() == {}
        assert leaderboard.add(scores([0.5]), "A/1").entry.number == 2
        leaderboard.add(scores([0.6]), "A/2")
        leaderboard.remove(3)
        assert len(leaderboard.tables()) == 1  # one entry is left there
        leaderboard.remove(2)
    with sqlite3.connect(board) as connection:
        for table in ("tables", "entries", "cases", "case_values", "lesions", "tags"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table  # noqa: S608


@pytest.mark.parametrize("name", ["", "A", "A/", "/1", " / ", "A/\x1b[2J", "A/1\n", "A/" + "1" * 99])
def test_a_name_is_team_and_run_in_printable_characters(board: Path, name: str) -> None:
    with (
        Leaderboard(board, create=True) as leaderboard,
        pytest.raises(InputError, match="is not a name, expected TEAM/RUN"),
    ):
        leaderboard.add(scores([0.5]), name)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>/'; DROP TABLE entries; --", "équipe 脳/β run", "A/b/c"])
def test_a_name_is_only_a_string(board: Path, name: str) -> None:
    with Leaderboard(board, create=True) as leaderboard:
        leaderboard.add(scores([0.5]), name)
        assert leaderboard.find(name).name == name


@pytest.mark.parametrize("tags", [{"a b": "1"}, {"": "1"}, {"a": "\x1b"}, {"a": "1" * 1001}])
def test_a_tag_is_a_word_and_printable(board: Path, tags: dict[str, str]) -> None:
    with (
        Leaderboard(board, create=True) as leaderboard,
        pytest.raises(InputError, match="is not a tag, expected"),
    ):
        leaderboard.add(scores([0.5]), "A/1", tags)


# Files


def test_an_older_file_is_led_to_todays_version_with_all_it_holds(board: Path) -> None:
    connection = sqlite3.connect(board, isolation_level=None)
    for statement in MIGRATIONS[0]:  # as version 1 left it: no tags yet
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    connection.execute(
        "INSERT INTO tables VALUES (1, 'd', 'ssa-2023', 'brats-harness 0.1.0', 'edition', '[\"ET\"]', '{}')"
    )
    connection.execute("INSERT INTO entries VALUES (7, 'e', 1, 'A/1', '2026-01-01T00:00:00+00:00', '{}', '[]')")
    connection.execute("INSERT INTO cases VALUES (1, 7, 'a', 'scored', '', '', '[]', '{}', '')")
    connection.execute("INSERT INTO case_values VALUES (1, 'official', 'ET', 'LesionWise_Score_Dice', 0.5)")
    connection.close()
    assert VERSION > 1
    with Leaderboard(board) as leaderboard:
        assert [entry.number for entry in leaderboard.entries()] == [7]
        assert leaderboard.scores(7).cases[0].regions == {"ET": {"LesionWise_Score_Dice": 0.5}}
        leaderboard.add(scores([0.5]), "B/1", {"a": "1"})
    with sqlite3.connect(board) as again:
        assert again.execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_a_migration_that_breaks_off_leaves_the_old_version(board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Leaderboard(board, create=True) as leaderboard:
        leaderboard.add(scores([0.5]), "A/1")
    broken = (*MIGRATIONS, ("CREATE TABLE more (id INTEGER)", "CREATE NONSENSE"))
    with monkeypatch.context() as newer:
        newer.setattr("bratseval.leaderboard.schema.MIGRATIONS", broken)
        newer.setattr("bratseval.leaderboard.schema.VERSION", len(broken))
        with pytest.raises(sqlite3.OperationalError, match="NONSENSE"):
            Leaderboard(board)
    with Leaderboard(board) as leaderboard:
        assert [entry.name for entry in leaderboard.entries()] == ["A/1"]
    with sqlite3.connect(board) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'more'").fetchone() == (0,)


def of_another_program(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (id INTEGER)")


def of_the_future(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")


def of_no_database(path: Path) -> None:
    path.write_bytes(b"scan_id,LesionWise_Dice_ET\n" * 99)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (of_another_program, "is a database of another program"),
        (of_the_future, f"is a leaderboard of version {VERSION + 1}, expected at most {VERSION}. Update"),
        (of_no_database, "is not a leaderboard .*not a database"),
    ],
)
def test_a_file_of_somebody_else_is_refused_and_left_alone(
    board: Path, make: Callable[[Path], None], told: str
) -> None:
    make(board)
    before = board.read_bytes()
    for create in (False, True):
        with pytest.raises(InputError, match=told):
            Leaderboard(board, create=create)
    assert board.read_bytes() == before


def test_reading_makes_no_file(board: Path) -> None:
    with pytest.raises(InputError, match="does not exist, expected a leaderboard"):
        Leaderboard(board)
    assert not board.exists()


# Crowds and kills

ADDS = 1000
WORKERS = 8


def add_all(board: Path, numbers: list[int], told: int) -> None:
    """Add an entry for each number, and say so once it is on the disk."""
    with Leaderboard(board, create=True) as leaderboard:
        for number in numbers:
            entry = leaderboard.add(scores([number / ADDS]), f"team/{number}", {"number": str(number)})
            os.write(told, f"{entry.entry.name}\n".encode())  # one write: whole, or not at all


def fork(board: Path, numbers: list[int], told: int) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            add_all(board, numbers, told)
            code = 0
        finally:
            os._exit(code)
    return child


def test_a_thousand_adds_by_eight_processes_with_kills_among_them(board: Path) -> None:
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    chance = random.Random(5)
    acknowledged: set[str] = set()
    running = {fork(board, list(range(first, ADDS, WORKERS)), theirs): first for first in range(WORKERS)}
    kills, text, deadline = 0, "", time.monotonic() + 300
    while running:
        assert time.monotonic() < deadline, f"{len(acknowledged)} acknowledged after 300 s"
        time.sleep(chance.uniform(0.001, 0.01))
        # 40 in all, as the work goes on; several at once where the disk is faster than this loop
        due = min(40, len(acknowledged) * 50 // ADDS) - kills
        for child in chance.sample(list(running), min(max(due, 0), len(running))):
            os.kill(child, signal.SIGKILL)
            kills += 1
        for child, first in list(running.items()):
            if os.waitpid(child, os.WNOHANG) == (0, 0):
                continue
            text = read_all(ours, text, acknowledged)
            del running[child]
            left = [n for n in range(first, ADDS, WORKERS) if f"team/{n}" not in acknowledged]
            if left:
                running[fork(board, left, theirs)] = first
        text = read_all(ours, text, acknowledged)
    assert kills == 40
    assert acknowledged == {f"team/{n}" for n in range(ADDS)}

    connection = sqlite3.connect(board)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert {name for (name,) in connection.execute("SELECT name FROM entries")} == acknowledged
    # every entry is whole: one case of 3 regions with the official values, one lesion, one tag
    whole = connection.execute(
        "SELECT count(DISTINCT case_id), count(*) FROM case_values JOIN cases ON cases.id = case_id"
    ).fetchone()
    assert whole == (ADDS, ADDS * 3 * len(case_scores("a", {}).regions["ET"]))
    assert connection.execute("SELECT count(*) FROM lesions").fetchone() == (ADDS,)
    assert connection.execute("SELECT count(*) FROM tags").fetchone() == (ADDS,)
    connection.close()


def read_all(pipe: int, begun: str, acknowledged: set[str]) -> str:
    """Take every whole line out of the pipe; gives the line that has begun."""
    while True:
        try:
            found = os.read(pipe, 65536).decode()
        except BlockingIOError:
            return begun
        *lines, begun = (begun + found).split("\n")
        acknowledged.update(lines)
