"""The engine's command line, and where things are."""

import subprocess

LONGEST_SECONDS = 600


def docker_run(*words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """`docker run` and these words: the container's exit code and what it said.

    Started apart, then waited for: podman's Docker API forgets the exit code of a container
    that is removed by `--rm`, and refuses to attach to one that has ended already.
    """
    started = _docker("run", "--detach", *words)
    assert started.returncode == 0, started.stderr
    container = started.stdout.strip()
    try:
        code = int(_docker("wait", container).stdout)
        told = _docker("logs", container)
    finally:
        _docker("rm", "--force", container)
    assert not check or code == 0, told.stderr
    return subprocess.CompletedProcess(words, code, told.stdout, told.stderr)


def _docker(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=False, timeout=LONGEST_SECONDS)
