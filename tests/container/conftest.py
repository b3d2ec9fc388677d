"""A real container engine, the images built in it, and cases to give them; what is absent is skipped, with why."""

import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException

from bratseg.phantoms import make_phantom, write_phantom
from factories.places import REAL_CASES, ROOT

SUBMISSION, EVALUATION = "brats-harness:latest", "brats-harness:evaluation"
MEASURED = pytest.StashKey[list[str]]()
_REAL = ("BraTS-GLI-00001-000", "BraTS-MET-00110-000")
CLIENTS = ROOT / ".venv-clients" / "bin"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("container")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in terminalreporter.config.stash.get(MEASURED, []):
        terminalreporter.write_line(line)


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Prints a figure below the tests' summary."""
    return request.config.stash.setdefault(MEASURED, []).append


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """The engine that DOCKER_HOST or the default socket names."""
    try:
        client = docker.from_env()
        client.ping()
    except DockerException as error:
        pytest.skip(f"no container engine answers ({error})")
    yield client
    client.close()


@pytest.fixture(scope="session")
def submission(engine: docker.DockerClient, request: pytest.FixtureRequest) -> str:
    """The tag of the image `docker build .` makes of this checkout."""
    return build(request, "submission", SUBMISSION)


@pytest.fixture(scope="session")
def evaluation(engine: docker.DockerClient, request: pytest.FixtureRequest) -> str:
    """The tag of the evaluator's image."""
    return build(request, "evaluation", EVALUATION)


def build(request: pytest.FixtureRequest, target: str, tag: str) -> str:
    command = shlex.split(request.config.getoption("--docker-build"))
    done = subprocess.run(
        [*command, "--target", target, "-t", tag, str(ROOT)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return tag


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two case folders on grids of their own: real cases beside the project (LPS and RAS), else phantoms."""
    made = tmp_path_factory.mktemp("cases")
    if all((REAL_CASES / name).is_dir() for name in _REAL):
        made.chmod(0o755)  # the image's user is another
        for name in _REAL:
            shutil.copytree(REAL_CASES / name, made / name, copy_function=shutil.copyfile)
            (made / name).chmod(0o755)
        return made
    write_phantom(made, "BraTS-PHA-00001-000", make_phantom(1))
    other = make_phantom(2, shape=(160, 190, 90), spacing_mm=(1.2, 1.1, 2.0), orientation="RAS")
    write_phantom(made, "BraTS-PHA-00002-000", other)
    return made


@pytest.fixture(scope="session")
def clients() -> Path:
    """Where the programs of other people's harnesses lie: mlcube, and a python with the brats package."""
    if not (CLIENTS / "mlcube").exists():
        pytest.skip("the clients of other harnesses are not installed here. Run `make clients`.")
    return CLIENTS


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An empty folder that any user may write."""
    folder = tmp_path / "output"
    folder.mkdir()
    folder.chmod(0o777)
    return folder
