"""The pages of a report as text; how they look and behave: tests/browser/test_report.py."""

import base64
import gzip
import hashlib
import json
import re
import shutil
from importlib import resources
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bratseval.cli import main
from bratseval.errors import InputError
from bratseval.leaderboard.scores_file import read_scores
from bratseval.report.contents import Contents, Submission, contents_of
from bratseval.report.images import find_files, read_volumes
from bratseval.report.mosaics import slices_through
from bratseval.report.payload import AGREES, MISSED, OTHER_LABEL, SPURIOUS, box_of, difference, grey, nifti_text
from bratseval.report.template import NIIVUE, NIIVUE_SHA256
from factories.boxes import labels_of
from factories.reports import CASES, HOSTILE, write_submissions
from factories.submissions import AFFINE, SHAPE


@pytest.fixture
def scores(tmp_path: Path) -> list[Path]:
    return list(write_submissions(tmp_path))


def report(scores: list[Path], output: Path, *more: str) -> int:
    named = [f"first={scores[0]}", f"{HOSTILE}={scores[1]}"]
    return main(["report", *named, "-o", str(output), "--jobs", "1", "--permutations", "100", *more])


def contents(scores: list[Path]) -> Contents:
    return contents_of([Submission(path.parents[1].name, read_scores(path)) for path in scores])


def test_a_report_is_a_front_page_and_a_page_for_each_case(
    scores: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    assert report(scores, out, "--cases", str(tmp_path / "cases")) == 0
    assert "with 2 case pages (" in capsys.readouterr().out
    assert sorted(path.name for path in out.rglob("*") if path.is_file()) == [
        "case-0000.html",
        "case-0001.html",
        NIIVUE,
        "report.html",
    ]
    front = (out / "report.html").read_text()
    for index, case in enumerate(CASES):
        assert f'<a href="report_files/case-000{index}.html">{case}</a>' in front
    # nothing comes from elsewhere: every address in the page is a part of it, a namespace or the report's own folder
    assert set(re.findall(r'(?:src|href)="(?!#)([^"]*)"', front)) <= {f"report_files/case-000{i}.html" for i in (0, 1)}


def test_a_hostile_name_is_only_text(scores: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "report"
    assert report(scores, out, "--cases", str(tmp_path / "cases"), "--title", HOSTILE) == 0
    for page in out.rglob("*.html"):
        text = page.read_text()
        assert "<script>document" not in text
        assert "&lt;script&gt;document" in text


def test_missing_packages_are_named_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bratseval.extras.find_spec", lambda name: None if name == "jinja2" else name)
    assert main(["report", "none.json", "-o", str(tmp_path / "out")]) == 4
    assert capsys.readouterr().err == "bratseval report: needs jinja2. Install brats-harness[report].\n"


def test_an_earlier_report_is_replaced(scores: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "report"
    (out / "report_files").mkdir(parents=True)
    (out / "report_files" / "case-0099.html").touch()
    assert report(scores, out) == 0
    assert not (out / "report_files" / "case-0099.html").exists()


def test_without_images_the_lesions_are_told_all_the_same(scores: list[Path], tmp_path: Path) -> None:
    assert report(scores, tmp_path / "report") == 0
    page = (tmp_path / "report" / "report_files" / "case-0000.html").read_text()
    assert "There are no images in this report" in page
    # two lesions in three regions, for two submissions, and one spurious in WT
    assert page.count('class="lesion ') == 2 * 3 * 2 + 1
    assert page.count("<td>spurious</td>") == 1


def test_the_viewer_is_the_file_that_was_vendored() -> None:
    assets = resources.files("bratseval.report") / "assets"
    assert hashlib.sha256((assets / NIIVUE).read_bytes()).hexdigest() == NIIVUE_SHA256
    assert "BSD 2-Clause License" in (assets / "niivue-LICENSE.txt").read_text()


def test_submissions_of_other_rules_or_one_name_are_refused(scores: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is the name of two submissions"):
        contents_of([Submission("same", read_scores(path)) for path in scores])
    content = json.loads(scores[1].read_text())
    content["versions"]["brats-harness"] = "0.0.0"
    (tmp_path / "other.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="was scored by other rules, another evaluator or other references"):
        contents_of([Submission("a", read_scores(scores[0])), Submission("b", read_scores(tmp_path / "other.json"))])
    with pytest.raises(InputError, match="has no submission"):
        contents_of([])


def test_what_was_scored_is_found_again_where_it_lies(scores: list[Path], tmp_path: Path) -> None:
    files = find_files(contents(scores), tmp_path / "cases", modalities=["t2f", "t1c"])
    assert list(files) == list(CASES)
    volumes = read_volumes(files[CASES[0]])
    assert list(volumes.images) == ["t2f", "t1c"]
    assert volumes.problems == ()
    assert [int(np.count_nonzero(labels)) for labels in volumes.predictions if labels is not None] == [64, 155]


def test_a_path_in_a_strangers_scores_opens_only_what_was_scored(scores: list[Path], tmp_path: Path) -> None:
    # the scores name a file that lies here, but the stranger never had it
    content = json.loads(scores[1].read_text())
    secret = tmp_path / "cases" / CASES[0] / f"{CASES[0]}-t1c.nii.gz"
    for case in content["cases"]:
        prediction = next(path for path in case["sha256"] if path != case["reference"])
        case["sha256"][str(secret)] = case["sha256"].pop(prediction)
    scores[1].write_text(json.dumps(content))
    files = find_files(contents(scores), tmp_path / "cases")
    assert [path is None for path in files[CASES[0]].predictions] == [False, True]


def test_another_file_than_the_one_scored_is_told(scores: list[Path], tmp_path: Path) -> None:
    folders = [path.parents[1] / "predictions" for path in scores]
    shutil.copy(folders[0] / f"{CASES[0]}.nii.gz", folders[1] / f"{CASES[0]}.nii.gz")
    files = find_files(contents(scores), tmp_path / "cases", predictions=folders)
    (problem,) = read_volumes(files[CASES[0]]).problems
    assert problem == f"{CASES[0]}.nii.gz: is not the file that was scored (its sha256 differs)"
    with pytest.raises(InputError, match="names 1 folders, expected 2"):
        find_files(contents(scores), tmp_path / "cases", predictions=folders[:1])


def test_voxels_lie_where_they_lay_before_they_were_cut_out() -> None:
    labels = labels_of(SHAPE, (10, 14, 5, 9, 6, 8, 3))
    box = box_of([labels])
    # two voxels around it
    assert box == (slice(8, 16), slice(3, 11), slice(4, 10))
    image = nib.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(nifti_text(labels[box], AFFINE, box))))
    inside = np.argwhere(np.asarray(image.dataobj) == 3)
    # the first voxel of the box of label 3 is (10, 5, 6): through the affine x = -10, y = 239 - 5, z = 6
    assert (image.affine @ [*inside[0], 1]).tolist() == [-10, 234, 6, 1]


def test_nothing_at_all_is_shown_whole() -> None:
    assert box_of([np.zeros((3, 4, 5))]) == (slice(None), slice(None), slice(None))


def test_the_difference_by_hand() -> None:
    prediction = np.array([[[0, 1, 1, 2, 0]]], np.uint8)
    reference = np.array([[[0, 1, 3, 0, 2]]], np.uint8)
    assert difference(prediction, reference).tolist() == [[[0, AGREES, OTHER_LABEL, SPURIOUS, MISSED]]]


def test_intensities_become_shades_and_nothing_stays_black() -> None:
    image = np.array([[[0.0, 10.0, 20.0, 30.0]]], np.float32)
    # percentiles 0.5 and 99.5 of 10, 20, 30 are 10.1 and 29.9: 20 is half way
    assert grey(image).tolist() == [[[0, 1, 128, 255]]]
    assert grey(np.array([[[0.0, 7.0]]], np.float32)).tolist() == [[[0, 255]]]
    assert not grey(np.zeros((2, 2, 2), np.float32)).any()


def test_slices_go_evenly_through_what_is_segmented() -> None:
    labels = labels_of((4, 4, 40), (0, 4, 0, 4, 10, 31, 1))
    # 10 to 30 in nine steps of 2.5, without the ends, rounded to even where it is half
    assert slices_through([labels]) == [12, 15, 18, 20, 22, 25, 28]
    assert slices_through([np.zeros((4, 4, 40), np.uint8)]) == [20]
