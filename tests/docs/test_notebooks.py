"""Every notebook of the documentation runs from start to end, in an empty folder."""

from pathlib import Path

import pytest

from factories.places import ROOT

NOTEBOOKS = sorted((ROOT / "docs").rglob("*.ipynb"))


@pytest.mark.slow  # each starts a Python of its own and segments
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(notebook: Path, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbclient is not installed. Run `pip install -e .[docs]`.")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed. Run `pip install -e .[docs]`.")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed. Run `pip install -e .[docs]`.")
    document = nbformat.read(notebook, as_version=4)
    nbclient.NotebookClient(document, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
