"""The engine's command line, and where things are."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST_SECONDS = 600


def docker_run(*words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """`docker run --rm` and these words."""
    done = subprocess.run(
        ["docker", "run", "--rm", *words], capture_output=True, text=True, check=False, timeout=LONGEST_SECONDS
    )
    assert not check or done.returncode == 0, done.stderr
    return done
