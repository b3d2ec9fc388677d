"""A run over many cases: bad ones are named, good ones finish, and a run can go on where another was killed."""

import errno
import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import bratseg.inference.run
from bratseg.inference.pipeline import Ensemble
from bratseg.inference.run import CaseResult, Settings, run_cases, write_report
from bratseval.files.cases import find_cases
from bratseval.files.nifti import grid_of, read_image, read_labels, write_image
from factories.members import Bright, description

SETTINGS = Settings("made", "0" * 64, mirroring=False, tile_step=0.5, postprocess=True, device="cpu")


def run(
    cases: Path, output: Path, member: Bright | None = None, *, resume: bool = False, settings: Settings = SETTINGS
) -> dict[str, CaseResult]:
    output.mkdir(exist_ok=True)
    ensemble = Ensemble(((member or Bright(), 1.0),), None, 0.5)
    results = run_cases(find_cases(cases), output, ensemble, settings, resume=resume)
    return {result.case: result for result in results}


def tumour(folder: Path) -> np.ndarray:
    """What Bright finds: t2f above 250, computed here from the file."""
    return nib.load(next(folder.glob("*-t2f.nii.gz"))).get_fdata() > 250


def test_a_case_is_segmented_on_its_own_grid(tmp_path: Path, make_case: Callable[..., Path]) -> None:
    folder = make_case("A")
    result = run(tmp_path / "cases", tmp_path / "out")["A"]
    written = nib.load(tmp_path / "out" / "A.nii.gz")
    assert result.state == "ok"
    np.testing.assert_array_equal(np.asarray(written.dataobj) == 2, tumour(folder))  # WT without TC is painted 2
    assert tumour(folder).any()
    assert result.volumes_mm3 == {"2": float(tumour(folder).sum())}  # 1 mm voxels
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["A.nii.gz"]


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "PIR", "SAL"])
def test_every_orientation_gives_the_same_answer_in_its_own_grid(
    tmp_path: Path, make_case: Callable[..., Path], orientation: str
) -> None:
    folder = make_case("A")
    turned = tmp_path / "turned" / "A"
    turned.mkdir(parents=True)
    codes = nib.orientations.axcodes2ornt(orientation)
    for path in folder.iterdir():
        image = nib.load(path)
        turn = nib.orientations.ornt_transform(nib.io_orientation(image.affine), codes)
        nib.save(image.as_reoriented(turn), turned / path.name)
    run(tmp_path / "cases", tmp_path / "out")
    run(tmp_path / "turned", tmp_path / "out_turned")
    expected = nib.load(tmp_path / "out" / "A.nii.gz")
    expected = expected.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(expected.affine), codes))
    got = nib.load(tmp_path / "out_turned" / "A.nii.gz")
    np.testing.assert_array_equal(np.asarray(got.dataobj), np.asarray(expected.dataobj))
    np.testing.assert_array_equal(got.affine, nib.load(turned / "A-t1c.nii.gz").affine)
    assert np.asarray(got.dataobj).any()


def test_another_spacing_is_resampled_there_and_back(tmp_path: Path, make_case: Callable[..., Path]) -> None:
    # voxels of 2 x 1 x 1.5 mm, a network of 1 mm: shape and affine must be the case's own, the tumour in its place
    grid = grid_of((30, 44, 28), np.diag([-2.0, -1.0, 1.5, 1.0]))
    folder = make_case("A", grid=grid)
    result = run(tmp_path / "cases", tmp_path / "out")["A"]
    labels = read_labels(tmp_path / "out" / "A.nii.gz")
    assert labels.grid.shape == (30, 44, 28)
    assert result.spacing_mm == (2.0, 1.0, 1.5)
    found, truth = labels.voxels == 2, tumour(folder)
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.9
    assert result.volumes_mm3["2"] == pytest.approx(found.sum() * 3.0)  # 2 * 1 * 1.5 mm3


def spoil_truncated(folder: Path) -> None:
    path = folder / f"{folder.name}-t1n.nii.gz"
    path.write_bytes(path.read_bytes()[:-40])


def spoil_missing(folder: Path) -> None:
    (folder / f"{folder.name}-t2w.nii.gz").unlink()


def spoil_double(folder: Path) -> None:
    (folder / "again-t1c.nii.gz").write_bytes((folder / f"{folder.name}-t1c.nii.gz").read_bytes())


def spoil_shape(folder: Path) -> None:
    write_image(
        folder / f"{folder.name}-t2f.nii.gz",
        np.arange(1000, dtype=np.float32).reshape(10, 10, 10),
        grid_of((10, 10, 10), np.eye(4)),
    )


def spoil_affine(folder: Path) -> None:
    path = folder / f"{folder.name}-t2f.nii.gz"
    image = read_image(path)
    write_image(path, image.voxels, grid_of(image.grid.shape, np.eye(4)))


def spoil_swapped(folder: Path) -> None:
    (folder / f"{folder.name}-t2f.nii.gz").write_bytes((folder / f"{folder.name}-t2w.nii.gz").read_bytes())


def spoil_blank(folder: Path) -> None:
    path = folder / f"{folder.name}-t1n.nii.gz"
    image = read_image(path)
    write_image(path, np.zeros_like(image.voxels), image.grid)


def spoil_nan(folder: Path) -> None:
    path = folder / f"{folder.name}-t1n.nii.gz"
    image = read_image(path)
    write_image(path, np.full_like(image.voxels, np.nan), image.grid)


def spoil_html(folder: Path) -> None:
    (folder / f"{folder.name}-t1c.nii.gz").write_bytes(b"<html>404</html>" * 50)


def spoil_four_dimensions(folder: Path) -> None:
    nib.save(nib.Nifti1Image(np.ones((4, 4, 4, 2)), np.eye(4)), folder / f"{folder.name}-t1c.nii.gz")


def spoil_crc(folder: Path) -> None:
    path = folder / f"{folder.name}-t2w.nii.gz"
    content = bytearray(path.read_bytes())
    content[-6] ^= 1
    path.write_bytes(bytes(content))


BAD = {
    spoil_truncated: "t1n.nii.gz: the gzip data is cut short",
    spoil_missing: "has no t2w",
    spoil_double: "is a second t1c",
    spoil_shape: "t2f.nii.gz: has 10x10x10 voxels, expected 40x48x36",
    spoil_affine: "t2f.nii.gz: affine differs",
    spoil_swapped: "is the same file as t2",
    spoil_blank: "t1n.nii.gz: every voxel is 0",
    spoil_nan: "t1n.nii.gz: 69120 of 69120 voxels are NaN",  # 40 * 48 * 36
    spoil_html: "t1c.nii.gz: is named .gz but is not gzip data",
    spoil_four_dimensions: "t1c.nii.gz: has 4 dimensions",
    spoil_crc: "t2w.nii.gz: the gzip data is damaged",
}


def test_every_bad_case_is_named_and_the_good_one_finishes(tmp_path: Path, make_case: Callable[..., Path]) -> None:
    for spoil in BAD:
        spoil(make_case(spoil.__name__))
    make_case("good")
    results = run(tmp_path / "cases", tmp_path / "out")
    for spoil, told in BAD.items():
        assert results[spoil.__name__].state == "invalid_input"
        assert told in results[spoil.__name__].reason
    assert results["good"].state == "ok"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.nii.gz"]


def test_all_that_is_wrong_with_a_case_is_told_at_once(tmp_path: Path, make_case: Callable[..., Path]) -> None:
    folder = make_case("A")
    spoil_html(folder)
    spoil_crc(folder)
    reason = run(tmp_path / "cases", tmp_path / "out")["A"].reason
    assert len(reason.splitlines()) == 2


def test_a_skull_and_a_few_nan_voxels_degrade_a_case(tmp_path: Path, make_case: Callable[..., Path]) -> None:
    folder = make_case("A")
    path = folder / "A-t1n.nii.gz"
    image = read_image(path)
    voxels = image.voxels + 5  # no voxel is 0 any more
    voxels[0, 0, 0] = np.nan
    write_image(path, voxels, image.grid)
    result = run(tmp_path / "cases", tmp_path / "out")["A"]
    assert result.state == "degraded"
    assert "1 NaN or infinite voxel was" in result.warnings[0]
    assert "skull" in result.warnings[1]


def test_a_full_device_steps_down_and_says_so(tmp_path: Path, make_case: Callable[..., Path]) -> None:
    make_case("A")
    result = run(tmp_path / "cases", tmp_path / "out", Bright(full=2))["A"]
    assert result.state == "degraded"
    assert result.warnings == ("out of device memory: step 1", "out of device memory: step 2")


def test_a_device_without_room_fails_the_case_only(tmp_path: Path, make_case: Callable[..., Path]) -> None:
    make_case("A")
    result = run(tmp_path / "cases", tmp_path / "out", Bright(full=99))["A"]
    assert result.state == "failed"
    assert "OutOfDeviceMemory" in result.reason


def test_resume_does_only_what_is_not_finished(tmp_path: Path, make_case: Callable[..., Path]) -> None:
    for name in ("done", "half", "foreign", "todo"):
        make_case(name)
    run(tmp_path / "cases", tmp_path / "out")
    whole = (tmp_path / "out" / "half.nii.gz").read_bytes()
    (tmp_path / "out" / "half.nii.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "out" / "todo.nii.gz").unlink()
    grid = read_image(tmp_path / "cases" / "foreign" / "foreign-t1c.nii.gz").grid
    write_image(tmp_path / "out" / "foreign.nii.gz", np.zeros(grid.shape, dtype=np.float32), grid)
    (tmp_path / "out" / ".todo.nii.gz.77.brats-harness-partial").write_bytes(whole[:100])
    results = run(tmp_path / "cases", tmp_path / "out", resume=True)
    assert {name: result.state for name, result in results.items()} == {
        "done": "skipped",
        "half": "ok",
        "foreign": "ok",
        "todo": "ok",
    }
    assert (tmp_path / "out" / "half.nii.gz").read_bytes() == whole
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_resume_redoes_what_other_weights_or_other_images_made(tmp_path: Path, make_case: Callable[..., Path]) -> None:
    make_case("A")
    run(tmp_path / "cases", tmp_path / "out")
    assert run(tmp_path / "cases", tmp_path / "out", resume=True)["A"].state == "skipped"
    other = Settings("made", "1" * 64, mirroring=False, tile_step=0.5, postprocess=True, device="cpu")
    assert run(tmp_path / "cases", tmp_path / "out", resume=True, settings=other)["A"].state == "ok"
    path = tmp_path / "cases" / "A" / "A-t1n.nii.gz"
    image = read_image(path)
    write_image(path, image.voxels * 2, image.grid)
    assert run(tmp_path / "cases", tmp_path / "out", resume=True, settings=other)["A"].state == "ok"


def test_without_resume_everything_is_done_again(tmp_path: Path, make_case: Callable[..., Path]) -> None:
    make_case("A")
    run(tmp_path / "cases", tmp_path / "out")
    assert run(tmp_path / "cases", tmp_path / "out")["A"].state == "ok"


def test_a_full_disk_ends_the_run_with_a_reason_for_each_case(
    tmp_path: Path, make_case: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("A", "B"):
        make_case(name)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(bratseg.inference.run, "write_labels", full)
    member = Bright()
    results = run(tmp_path / "cases", tmp_path / "out", member)
    assert [result.state for result in results.values()] == ["failed", "failed"]
    assert "No space left" in results["A"].reason
    assert results["B"].reason.startswith("not tried")
    assert list((tmp_path / "out").iterdir()) == []


def test_shares_weigh_the_members(tmp_path: Path, make_case: Callable[..., Path]) -> None:
    # 0.6 of a member that finds the tumour and 0.4 of one that finds nothing: above one half; 0.4 and 0.6: below
    make_case("A")
    for share, found in ((0.6, True), (0.4, False)):
        ensemble = Ensemble(((Bright(), share), (Bright(threshold=1e6), 1 - share)), None, 0.5)
        output = tmp_path / f"out{share}"
        output.mkdir()
        run_cases(find_cases(tmp_path / "cases"), output, ensemble, SETTINGS)
        assert read_labels(output / "A.nii.gz").voxels.any() == found


def test_a_case_is_preprocessed_once_for_members_with_the_same_recipe(
    tmp_path: Path, make_case: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_case("A")
    calls = []
    original = bratseg.inference.pipeline.preprocess
    monkeypatch.setattr(bratseg.inference.pipeline, "preprocess", lambda *a: (calls.append(a[2]), original(*a))[1])
    members = [Bright(), Bright(), Bright(about=description(spacing=2.0))]
    ensemble = Ensemble(tuple((member, 1.0) for member in members), None, 0.5)
    (tmp_path / "out").mkdir()
    run_cases(find_cases(tmp_path / "cases"), tmp_path / "out", ensemble, SETTINGS)
    assert [recipe.spacing_mm[0] for recipe in calls] == [1.0, 2.0]


def test_the_report_tells_every_case_and_what_made_it(tmp_path: Path, make_case: Callable[..., Path]) -> None:
    make_case("A")
    spoil_html(make_case("B"))
    results = run(tmp_path / "cases", tmp_path / "out")
    write_report(tmp_path / "run.json", list(results.values()), SETTINGS, 1.5)
    report = json.loads((tmp_path / "run.json").read_text())
    assert {case["case"]: case["state"] for case in report["cases"]} == {"A": "ok", "B": "invalid_input"}
    assert report["settings"]["weights_sha256"] == "0" * 64
    assert len(report["cases"][0]["inputs_sha256"]) == 4
    assert report["peak_memory_bytes"] > 0
