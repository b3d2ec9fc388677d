"""bratseval leaderboard and rank through the command line: what they say, write and refuse."""

import csv
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bratseval.cli import main
from bratseval.leaderboard import Leaderboard
from factories.scores import scores, scores_file

Run = Callable[..., int]


@pytest.fixture
def board(tmp_path: Path) -> Path:
    return tmp_path / "board.sqlite"


@pytest.fixture
def run(board: Path) -> Run:
    def run(*arguments: object) -> int:
        return main([*map(str, arguments), "--leaderboard", str(board)])

    return run


def add(run: Run, tmp_path: Path, name: str, *dices: float, edition: str = "ssa-2023") -> None:
    path = scores_file(tmp_path / name.replace("/", "-"), dices, edition)
    assert run("leaderboard", "add", path, "--name", name) == 0


def test_add_list_show_and_remove(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = scores_file(tmp_path / "a", [0.5, 0.75])
    assert run("leaderboard", "add", path, "--name", "A/1", "--tag", "commit=abc", "--tag", "note=a=b") == 0
    assert capsys.readouterr().out == "added A/1 as entry 1 of table 1 (2 cases)\n"
    assert run("leaderboard", "add", path, "--name", "B/1") == 0
    assert "not added, the same scores exist as A/1, entry 1 of table 1 (2 cases)" in capsys.readouterr().out
    add(run, tmp_path, "A/1", 0.5, 0.75, edition="ssa-2024")
    capsys.readouterr()

    assert run("leaderboard", "list") == 0
    printed = capsys.readouterr().out
    assert "table 1: BraTS 2023 Africa (ssa-2023), ET TC WT, 2 cases, references " in printed
    assert "table 2: BraTS 2024 Africa (ssa-2024), ET TC WT, 2 cases, references " in printed
    assert "brats-harness " in printed
    assert " commit=abc note=a=b" in printed

    assert run("leaderboard", "show", 1) == 0
    printed = capsys.readouterr().out
    assert "entry 1: A/1" in printed
    assert "tag commit: abc" in printed
    assert "belongs to no case: stray.nii.gz" in printed
    assert "\nLesionWise_Dice_ET             0.6250  of 2 cases\n" in printed

    assert run("leaderboard", "remove", "A/1") == 3  # both tables have one
    assert "Give one of the numbers 1, 2" in capsys.readouterr().err
    assert run("leaderboard", "remove", 2) == 0
    assert run("leaderboard", "remove", "A/1") == 0
    assert capsys.readouterr().out == "removed entry 2, A/1\nremoved entry 1, A/1\n"
    assert run("leaderboard", "show", "A/1") == 3


def test_names_are_escaped_for_the_terminal(run: Run, board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Leaderboard(board, create=True) as leaderboard:
        leaderboard.add(scores([0.5]), "A/1")
        leaderboard.add(scores([0.6]), "B/1")
    with sqlite3.connect(board) as connection:  # as somebody else's program may have left it
        connection.execute("UPDATE entries SET name = 'A/\x1b[2J' WHERE id = 1")
    for line in (("leaderboard", "list"), ("leaderboard", "show", 1), ("rank",), ("compare", 1, 2)):
        assert run(*line) == 0
        printed = capsys.readouterr().out
        assert "\x1b" not in printed
        assert "A/\\x1b[2J" in printed


@pytest.mark.parametrize(
    "line",
    [
        ("leaderboard", "add", "scores.json", "--name", "A/1", "--tag", "nothing"),
        ("leaderboard", "add", "scores.json"),
        ("leaderboard", "export", "-o", "board.xlsx"),
        ("leaderboard",),
        ("rank", "--scheme", "odd"),
        ("rank", "--permutations", "0"),
        ("rank", "--seed", "-1"),
        ("rank", "--edition", "ssa-1999"),
    ],
)
def test_usage_is_2(run: Run, line: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as refused:
        run(*line)
    assert refused.value.code == 2


def test_what_is_wrong_with_a_file_is_3_and_leaves_no_leaderboard(
    run: Run, board: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scores.json").write_text("{}")
    assert run("leaderboard", "add", tmp_path / "scores.json", "--name", "A/1") == 3
    assert "edition is no such text" in capsys.readouterr().err
    assert run("leaderboard", "add", scores_file(tmp_path / "a", [0.5]), "--name", "A") == 3
    assert "'A': is not a name, expected TEAM/RUN" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line", [("leaderboard", "list"), ("leaderboard", "show", "1"), ("rank",), ("compare", "1", "2")]
)
def test_a_leaderboard_that_is_not_there_is_3_and_not_made(run: Run, board: Path, line: tuple[str, ...]) -> None:
    assert run(*line) == 3
    assert not board.exists()


def test_a_folder_that_is_not_there_or_a_held_file_is_4(
    run: Run, board: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = scores_file(tmp_path / "a", [0.5])
    line = ["leaderboard", "add", str(path), "--name", "A/1", "--leaderboard", str(tmp_path / "absent" / "board")]
    assert main(line) == 4
    assert "cannot be used (unable to open database file)" in capsys.readouterr().err
    add(run, tmp_path, "B/1", 0.9)
    monkeypatch.setattr("bratseval.leaderboard.schema.BUSY_S", 0.1)
    with sqlite3.connect(board, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert run("leaderboard", "add", path, "--name", "A/1") == 4
        other.execute("ROLLBACK")
    assert "cannot be used (database is locked)" in capsys.readouterr().err
    assert run("leaderboard", "add", path, "--name", "A/1") == 0


def test_a_damaged_file_is_3(run: Run, board: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(20):
        add(run, tmp_path, f"A/{number}", number / 20)
    with sqlite3.connect(board) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = board.read_bytes()
    board.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))
    assert run("leaderboard", "list") == 3
    assert "is damaged" in capsys.readouterr().err


def test_everything_goes_out_as_csv_and_json(run: Run, tmp_path: Path) -> None:
    add(run, tmp_path, "=A/1", 0.5, 0.75)
    add(run, tmp_path, "B/1", 0.25, edition="ssa-2024")
    assert run("leaderboard", "export", "-o", tmp_path / "board.csv") == 0
    with (tmp_path / "board.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    # 10 official values of 3 regions, in 2 cases and in 1
    assert len(rows) == 10 * 3 * 2 + 10 * 3
    (value,) = (
        row["value"]
        for row in rows
        if (row["scan_id"], row["entry"], row["column"]) == ("BraTS-SSA-00002-000", "1", "Dice_ET")
    )
    assert value == "0.75"
    assert {row["name"] for row in rows} == {"'=A/1", "B/1"}  # no formula for a spreadsheet
    assert run("leaderboard", "export", "-o", tmp_path / "board.json") == 0
    content = json.loads((tmp_path / "board.json").read_text())
    assert [table["edition"] for table in content["tables"]] == ["ssa-2023", "ssa-2024"]
    first = content["entries"][0]
    assert (first["name"], first["scores"][0]["lesions"][0]["lesion"]["outcome"]) == ("=A/1", "detected")


def test_the_real_files_through_the_command_line(shared: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shared / "data/leaderboard/brats-africa-2024-validation"
    for number in ("9752810", "9754422", "9754423"):
        path = folder / f"{number}.csv"
        assert run("leaderboard", "import-csv", path, "--edition", "ssa-2025", "--name", f"CNMC-PMI/{number}") == 0
    capsys.readouterr()
    assert run("rank", "--permutations", "1000", "--samples", "200", "--published") == 0
    printed = capsys.readouterr().out
    assert "35 cases, imported, references unknown" in printed
    for means in (("0.8698", "0.8646", "0.9265", "9752810"), ("0.8705", "0.8646", "0.9266", "9754423")):
        (line,) = (
            line
            for line in printed.splitlines()
            if line.endswith(f"] CNMC-PMI/{means[3]}".replace("] ", "  ")) and "[" in line
        )
        assert [cell.split()[-1] for cell in line.split("[")[:3]] == list(means[:3])
    assert "CNMC-PMI, winner of BraTS-Africa 2024 (ssa-2024; BraTS-Africa 2024 validation, 35 cases)" in printed
    assert run("leaderboard", "import-csv", path, "--edition", "ssa-2024", "--name", "CNMC-PMI/1") == 3


def test_rank_says_how_and_ranks_each_table_by_itself(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add(run, tmp_path, "A/1", *[0.9] * 12)
    add(run, tmp_path, "B/1", *[0.8] * 12)
    add(run, tmp_path, "C/1", *[0.7] * 12, edition="ssa-2025")
    capsys.readouterr()
    out = tmp_path / "ranking.json"
    assert run("rank", "--metrics", "LesionWise_Dice", "--permutations", "9999", "--seed", "3", "--json", out) == 0
    printed = capsys.readouterr().out
    assert printed.count("table ") == 2
    assert "scheme: case-ranks; ties: average; missing values: worst (0 values); undefined: 0 values" in printed
    assert "p: one-sided, 9999 permutations, Holm's correction; tiers: p < 0.05; seed 3" in printed
    assert "source: chosen on the command line, not the edition's" in printed  # 2023 ranks by HD95, too
    assert "source: arXiv 1811.02629" in printed  # 2025 does by Dice alone
    first, second = json.loads(out.read_text())
    assert (first["table"], first["edition"], second["edition"]) == (1, "ssa-2023", "ssa-2025")
    assert [(row["name"], row["place"], row["score"], row["tier"]) for row in first["standings"]] == [
        ("A/1", 1, 1.0, 1),
        ("B/1", 2, 2.0, 2),
    ]
    # all twelve cases won: one of 2^12 rows of signs
    assert first["p"][0][1] == pytest.approx(1 / 2**12, abs=0.001)
    assert first["p"][1][0] is None
    assert first["standings"][0]["means"]["LesionWise_Dice_ET"] == {
        "mean": 0.9,
        "lower": 0.9,
        "upper": 0.9,
        "n": 12,
    } | {key: pytest.approx(0.9) for key in ("mean", "lower", "upper")}
    assert first["manner"]["scheme"] == "case-ranks"
    assert run("rank", "--edition", "ssa-2025") == 0
    assert "A/1" not in capsys.readouterr().out
    assert run("rank", "--edition", "gli-2024") == 3
    assert run("rank", "--metrics", "Num_TP") == 3
    assert "Num_TP: is nothing to rank by" in capsys.readouterr().err


def test_the_command_line_is_there_at_once_since_it_loads_nothing_heavy() -> None:
    code = "import sys, bratseval.cli; sys.exit(bool({'numpy', 'scipy', 'sqlite3', 'nibabel'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_reader_that_is_not_allowed_to_write_is_4(run: Run, board: Path, tmp_path: Path) -> None:
    if os.getuid() == 0:
        pytest.skip("root may write everywhere")
    add(run, tmp_path, "A/1", 0.5)
    path = scores_file(tmp_path / "b", [0.6])
    board.chmod(0o400)
    assert run("leaderboard", "add", path, "--name", "B/1") == 4
