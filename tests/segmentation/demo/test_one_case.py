"""The demonstration on one case ends at a report, and every command that it prints runs as it is printed."""

import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bratseg.cli import main
from bratseg.demo import one_case
from bratseg.demo.next_commands import activation_line, next_commands
from bratseg.demo.one_case import DemoFolder, link_case, single_case
from bratseg.demo.scored_case import add_to_leaderboard
from bratseg.inference.pipeline import Ensemble
from bratseg.inference.run import Settings
from bratseg.phantoms import make_phantom, write_phantom
from bratseval import cli as evaluator
from bratseval import extras
from bratseval.errors import InputError
from bratseval.leaderboard import Leaderboard, SubmissionScores, read_scores
from factories.members import Bright, description
from factories.places import ROOT

CASE = "BraTS-PHA-00007-000"


@contextmanager
def bright_ensemble(*_: object) -> Iterator[tuple[Ensemble, Settings]]:
    """In place of the bundled weights: no network, so that a test takes a second."""
    member = Bright(1200.0, description(patch=(32, 32, 32), spacing=4.0))
    yield Ensemble(((member, 1.0),), None, 0.5), Settings("bright", "0" * 64, False, 0.5, False, "cpu")


@pytest.fixture(autouse=True)
def quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.node.get_closest_marker("slow"):
        monkeypatch.setattr(one_case, "load_ensemble", bright_ensemble)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    phantom = make_phantom(7, shape=(41, 51, 39), spacing_mm=(4.0, 4.0, 4.0))
    return write_phantom(tmp_path_factory.mktemp("cases"), CASE, phantom)


@pytest.fixture(scope="module")
def output(case: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished demonstration on that phantom."""
    folder = tmp_path_factory.mktemp("output") / "my demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one_case, "load_ensemble", bright_ensemble)
        assert main(["demo", "--case", str(case), "-o", str(folder)]) == 0
    return folder


@pytest.fixture
def scores(output: Path) -> SubmissionScores:
    return read_scores(output / "scores" / "scores.json")


def test_it_leaves_a_report_a_picture_and_an_entry_on_a_leaderboard(output: Path) -> None:
    folder = DemoFolder(output)
    assert CASE in (folder.report / "report.html").read_text("utf-8")
    assert folder.picture.read_bytes().startswith(b"\x89PNG")
    assert folder.run_report.is_file()
    with Leaderboard(folder.leaderboard) as leaderboard:
        (entry,) = leaderboard.entries()
    assert (entry.name, entry.cases, entry.failed) == ("demo/bright", 1, 0)


def test_the_case_that_was_named_is_linked_and_not_copied(output: Path, case: Path) -> None:
    link = DemoFolder(output).cases / CASE
    assert link.is_symlink()
    assert link.resolve() == case.resolve()


def test_every_command_that_is_printed_runs_as_printed(output: Path, tmp_path: Path) -> None:
    shutil.copytree(output, tmp_path / "a demo", symlinks=True)
    commands = next_commands(DemoFolder(tmp_path / "a demo"), "ssa-2024")
    for command in commands:
        program, *arguments = shlex.split(command)
        assert (program, evaluator.main(arguments)) == ("bratseval", 0), command
    assert [command.split()[1] for command in commands] == ["check", "score", "leaderboard", "rank", "report"]


def test_it_prints_the_report_the_activation_and_the_commands(
    output: Path, case: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", "/environments/of mine")
    monkeypatch.chdir(output.parent)
    assert main(["demo", "--case", str(case), "-o", "my demo"]) == 0
    printed = capsys.readouterr().out
    assert "report        my demo/report/report.html\n" in printed
    lines = printed.splitlines()
    first = lines.index("Go on by hand:") + 2
    folder = DemoFolder(Path("my demo"))
    expected = ["source '/environments/of mine/bin/activate'", *next_commands(folder, "ssa-2024")]
    assert [line.strip() for line in lines[first:]] == expected
    with Leaderboard(folder.leaderboard) as leaderboard:
        assert len(leaderboard.entries()) == 1  # the same scores are the same entry


def test_without_the_report_extra_one_line_says_what_to_install(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = extras.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "jinja2" else find_spec(name))
    assert main(["demo", "--case", str(case), "-o", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert [line for line in printed.err.splitlines() if "Install" in line] == [
        "no report: it needs packages that are not installed. Install brats-harness[report]."
    ]
    assert "leaderboard.db" in printed.out
    assert not DemoFolder(tmp_path).report.exists()


def test_a_case_without_a_reference_is_segmented_and_not_scored(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(case, tmp_path / "cases" / CASE)
    (tmp_path / "cases" / CASE / f"{CASE}-seg.nii.gz").unlink()
    assert main(["demo", "--case", str(tmp_path / "cases"), "-o", str(tmp_path / "out")]) == 0
    assert "so there are no scores" in capsys.readouterr().out
    folder = DemoFolder(tmp_path / "out")
    assert (folder.predictions / f"{CASE}.nii.gz").is_file()
    assert not folder.leaderboard.exists()


@pytest.mark.parametrize("problem", ["several", "unreadable"])
def test_a_case_that_cannot_be_used_has_the_exit_code_of_infer(problem: str, case: Path, tmp_path: Path) -> None:
    for name in (CASE, "BraTS-PHA-00008-000") if problem == "several" else (CASE,):
        copied = shutil.copytree(case, tmp_path / "cases" / name)
        for path in copied.iterdir():
            path.rename(path.with_name(path.name.replace(CASE, name)))
    if problem == "unreadable":
        (tmp_path / "cases" / CASE / f"{CASE}-t1n.nii.gz").write_bytes(b"no image")
    assert main(["demo", "--case", str(tmp_path / "cases"), "-o", str(tmp_path / "out")]) == 3


def test_an_output_that_cannot_be_written_has_exit_code_4(case: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    assert main(["demo", "--case", str(case), "-o", str(tmp_path / "out")]) == 4


def test_other_scores_of_the_same_weights_replace_the_entry(scores: SubmissionScores, tmp_path: Path) -> None:
    folder = DemoFolder(tmp_path)
    first = add_to_leaderboard(scores, folder, "mine")
    (scored,) = scores.cases
    regions = {region: dict.fromkeys(values, 0.5) for region, values in scored.regions.items()}
    second = add_to_leaderboard(replace(scores, cases=(replace(scored, regions=regions),)), folder, "mine")
    assert (first.numbers, second.numbers) == ((1,), (2,))
    third = add_to_leaderboard(scores, folder, "of somebody else")
    assert third.numbers == (2, 3)


def test_entries_on_another_case_stand_in_another_table(scores: SubmissionScores, tmp_path: Path) -> None:
    folder = DemoFolder(tmp_path)
    assert add_to_leaderboard(scores, folder, "mine").only_table
    other = replace(scores, cases=tuple(replace(scored, case="BraTS-PHA-00008-000") for scored in scores.cases))
    added = add_to_leaderboard(other, folder, "mine")
    assert (added.numbers, added.only_table) == ((2,), False)
    assert "--entries 2 --cases" in next_commands(folder, "ssa-2024", added.numbers)[-1]


def test_a_link_is_made_once_and_another_case_of_the_name_is_refused(case: Path, tmp_path: Path) -> None:
    folder = DemoFolder(tmp_path / "out")
    link_case(single_case(case), folder)
    link_case(single_case(case), folder)
    link_case(single_case(folder.cases / CASE), folder)
    assert (folder.cases / CASE).resolve() == case.resolve()
    other = DemoFolder(tmp_path / "other")
    (other.cases / CASE).mkdir(parents=True)
    with pytest.raises(InputError, match="is another case of the same name"):
        link_case(single_case(case), other)


def test_the_activation_line_is_relative_inside_the_working_folder() -> None:
    prefix, base, here = Path("/home/a/harness/.venv"), Path("/usr"), Path("/home/a/harness")
    assert activation_line(prefix, base, here) == "source .venv/bin/activate"
    assert activation_line(prefix, base, Path("/home/a")) == "source harness/.venv/bin/activate"
    assert activation_line(prefix, base, Path("/tmp")) == "source /home/a/harness/.venv/bin/activate"
    assert activation_line(base, base, here) is None


@pytest.mark.slow
def test_by_itself_it_makes_a_phantom_and_the_bundled_weights_find_its_tumour(tmp_path: Path) -> None:
    assert main(["demo", "-o", str(tmp_path)]) == 0
    (scored,) = read_scores(tmp_path / "scores" / "scores.json").cases
    assert scored.case == "BraTS-PHA-00001-000"
    assert scored.regions["WT"]["LesionWise_Score_Dice"] > 0.8
    assert (tmp_path / "report" / "report.html").is_file()


def test_readme_shows_the_commands_as_they_are_printed() -> None:
    commands = ["source .venv/bin/activate", *next_commands(DemoFolder(Path("demo")), "ssa-2024")]
    assert "\n".join(["```sh", *commands, "```"]) in (ROOT / "README.md").read_text("utf-8")
