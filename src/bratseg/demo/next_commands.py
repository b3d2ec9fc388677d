"""What a person types after the demonstration: the line that activates the environment, and commands on its files."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from bratseg.demo.one_case import DemoFolder


def activation_line(prefix: Path, base_prefix: Path, working_folder: Path) -> str | None:
    """The line that activates a virtual environment; None where Python runs in none.

    Args:
        prefix, base_prefix: Python's own, `sys.prefix` and `sys.base_prefix`.
        working_folder: an environment inside it is named by its relative path.
    """
    if prefix == base_prefix:
        return None
    script = prefix / "bin" / "activate"
    if script.is_relative_to(working_folder):
        script = script.relative_to(working_folder)
    return f"source {shlex.quote(str(script))}"


def next_commands(folder: DemoFolder, edition: str, entries: Sequence[int] = ()) -> list[str]:
    """Commands that check, score, enter, rank and report the files of a demonstration, ready to be typed.

    Args:
        entries: numbers of the leaderboard's entries to report; none for all.
    """
    predictions, cases, scores, leaderboard, report = (
        shlex.quote(str(path))
        for path in (folder.predictions, folder.cases, folder.scores, folder.leaderboard, folder.report)
    )
    chosen = f" --entries {' '.join(map(str, entries))}" if entries else ""
    return [
        f"bratseval check {predictions} {cases} --edition {edition}",
        f"bratseval score {predictions} {cases} --edition {edition} -o {scores}",
        f"bratseval leaderboard add {scores}/scores.json --name my-team/first --leaderboard {leaderboard}",
        f"bratseval rank --leaderboard {leaderboard}",
        f"bratseval report --leaderboard {leaderboard}{chosen} --cases {cases} -o {report}",
    ]
