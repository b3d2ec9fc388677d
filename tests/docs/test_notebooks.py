"""Every notebook of the documentation runs from start to end, in an empty folder."""

import json
from pathlib import Path

import pytest

from factories.places import ROOT

NOTEBOOKS = sorted((ROOT / "docs").rglob("*.ipynb"))
# What the outputs of a notebook have to hold: words of its text outputs, and pictures.
EXPECTED = {
    "first_steps": (
        ("BraTS-SSA-00003-000", "LesionWise_Dice", "Num_FP", "my-team/with-postprocessing", "tier 1", "detected"),
        1,
    )
}


def test_there_are_notebooks_and_all_are_expected_to_show_something() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(EXPECTED)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_stored_without_outputs(notebook: Path) -> None:
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    assert [cell["id"] for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


@pytest.mark.slow  # each starts a Python of its own and segments
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(notebook: Path, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbclient is not installed. Run `make docs` first.")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed. Run `make docs` first.")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed. Run `make docs` first.")
    document = nbformat.read(notebook, as_version=4)
    nbclient.NotebookClient(document, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in document.cells for output in cell.get("outputs", [])]
    data = [output.get("data", {}) for output in outputs]
    text = "\n".join([*(output.get("text", "") for output in outputs), *(part.get("text/plain", "") for part in data)])
    words, pictures = EXPECTED[notebook.stem]
    assert [word for word in words if word not in text] == []
    assert sum("image/png" in part for part in data) == pictures
    assert [output for output in outputs if output.output_type == "stream" and output.name == "stderr"] == []
