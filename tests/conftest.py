"""What several tests need: real inputs beside the project, if any, and small made cases."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bratseval.challenge import MODALITIES
from bratseval.files.nifti import VoxelGrid, grid_of, write_image
from factories.places import SHARED
from factories.submissions import AFFINE


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--docker-build", default="docker build", help="what builds the images of the container tests")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real cases and official numbers; the test skips where it is absent."""
    folder = SHARED
    if not (folder / "data" / "real").is_dir():
        pytest.skip(f"the real cases and official numbers are not beside the project ({folder.name}/ is absent)")
    return folder


@pytest.fixture
def make_case(tmp_path: Path) -> Callable[..., Path]:
    """Makes a case folder: a ball of a brain with a bright ball in it, different in each modality."""

    def make(name: str, parent: Path | None = None, grid: VoxelGrid | None = None, seed: int = 0) -> Path:
        grid = grid or grid_of((40, 48, 36), AFFINE)
        folder = (parent or tmp_path / "cases") / name
        folder.mkdir(parents=True)
        generator = np.random.default_rng(seed)
        x, y, z = np.meshgrid(*(np.linspace(-1, 1, side) for side in grid.shape), indexing="ij")
        brain = x**2 + y**2 + z**2 < 0.8
        tumour = (x - 0.3) ** 2 + y**2 + z**2 < 0.06
        for i, modality in enumerate(MODALITIES, start=1):
            voxels = (100 + 20 * generator.standard_normal(grid.shape) + 60 * i * tumour) * brain
            write_image(folder / f"{name}-{modality}.nii.gz", voxels.astype(np.float32), grid)
        return folder

    return make
