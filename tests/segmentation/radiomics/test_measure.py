"""Features of many cases are those of each, kept by content, and a case without any stops no other."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import bratseg.radiomics.measure
from bratseg.radiomics.feature_names import FEATURE_NAMES, PRESETS
from bratseg.radiomics.features import extract_features
from bratseg.radiomics.measure import Measured, Segmented, measure_cases, rows_of, write_features
from bratseval.challenge import MODALITIES
from bratseval.errors import InputError
from bratseval.files.cases import find_cases
from bratseval.files.nifti import VoxelGrid, grid_of, read_image, write_image, write_labels
from factories.submissions import AFFINE

pytest.importorskip("radiomics", reason="pyradiomics is not installed")

SANE, PAPER = PRESETS["sane"], PRESETS["paper"]
SHAPE = (40, 48, 36)
BALL = np.s_[20:30, 18:30, 12:24]
Maker = Callable[..., Path]


def segmented(folder: Path, box: object = BALL, grid: VoxelGrid | None = None) -> Segmented:
    """The case in a folder with a box for its reference, written beside its images."""
    case = find_cases(folder).cases[0]
    grid = grid or grid_of(SHAPE, AFFINE)
    labels = np.zeros(grid.shape, dtype=np.uint8)
    labels[box] = 2
    path = folder / f"{case.id}-seg.nii.gz"
    write_labels(path, labels, grid, "")
    return Segmented(case, path)


def test_features_are_those_of_each_case_whatever_the_number_of_processes(make_case: Maker) -> None:
    cases = [segmented(make_case(f"c{seed}", seed=seed)) for seed in range(3)]
    one = measure_cases(cases, SANE)
    assert measure_cases(cases, SANE, jobs=2) == one
    assert [case.case for case in one] == ["c0", "c1", "c2"]
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[BALL] = 2
    images = {modality: read_image(cases[1].case.images[modality]).voxels for modality in MODALITIES}
    assert one[1].features == extract_features(labels, images, (1.0, 1.0, 1.0), SANE)
    assert rows_of(one).shape == (3, 386)
    assert rows_of(one)[1].tolist() == list(one[1].features.values())


def test_a_case_stored_in_another_orientation_has_the_same_features(make_case: Maker, tmp_path: Path) -> None:
    case = segmented(make_case("lps"))
    turned = tmp_path / "cases" / "turned"
    turned.mkdir()
    affine = np.array([[1.0, 0, 0, -39], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]])  # x runs to the right
    grid = grid_of(SHAPE, affine)
    for modality in MODALITIES:
        voxels = read_image(case.case.images[modality]).voxels[::-1]
        write_image(turned / f"turned-{modality}.nii.gz", np.ascontiguousarray(voxels), grid)
    mirrored = segmented(turned, np.s_[10:20, 18:30, 12:24], grid)  # 20:30 of 40, from the other side
    first, second = measure_cases([case, mirrored], SANE)
    assert first.features == second.features


def test_what_was_measured_is_not_measured_again(
    make_case: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, cache = segmented(make_case("c")), tmp_path / "kept"
    (first,) = measure_cases([case], SANE, cache=cache)
    (kept,) = cache.iterdir()  # nothing partial is left
    assert tuple(json.loads(kept.read_text())) == FEATURE_NAMES
    calls = counted(monkeypatch)
    assert measure_cases([case], SANE, cache=cache) == [first]  # to the last bit
    assert calls == []
    # other settings, another segmentation, another image: each is measured
    measure_cases([case], PAPER, cache=cache)
    assert len(calls) == 1
    (other,) = measure_cases([segmented(case.labels.parent, np.s_[20:30, 18:30, 12:25])], SANE, cache=cache)
    assert len(calls) == 2
    assert other.features != first.features
    image = read_image(case.case.images["t2f"])
    voxels = image.voxels.copy()
    voxels[25, 20, 15] += 1
    write_image(case.case.images["t2f"], voxels, image.grid)
    measure_cases([segmented(case.labels.parent)], SANE, cache=cache)
    assert len(calls) == 3
    assert len(list(cache.iterdir())) == 4


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b"\xff", b'{"wt_shape_Elongation": 1.0}', b"cut", b"nan"], ids=lambda text: repr(text)
)
def test_a_damaged_kept_file_is_written_anew(make_case: Maker, tmp_path: Path, damage: bytes) -> None:
    case, cache = segmented(make_case("c")), tmp_path / "kept"
    first = measure_cases([case], SANE, cache=cache)
    (kept,) = cache.iterdir()
    whole = kept.read_bytes()
    value = json.dumps(first[0].features["wt_shape_Flatness"]).encode()
    spoiled = {b"cut": whole[: len(whole) // 2], b"nan": whole.replace(value, b"NaN", 1)}
    kept.write_bytes(spoiled.get(damage, damage))
    assert measure_cases([case], SANE, cache=cache) == first
    assert kept.read_bytes() == whole


def test_a_case_that_fails_is_named_and_the_others_are_measured(make_case: Maker, tmp_path: Path) -> None:
    good = segmented(make_case("good"))
    empty = segmented(make_case("empty"), np.s_[0:0, 0:0, 0:0])
    single = segmented(make_case("single"), np.s_[3:4, 4:5, 5:6])
    cut = segmented(make_case("cut"))
    cut.case.images["t1c"].write_bytes(cut.case.images["t1c"].read_bytes()[:-100])
    gone = Segmented(good.case, tmp_path / "gone-seg.nii.gz")
    moved = segmented(make_case("moved"), BALL, grid_of(SHAPE, AFFINE + np.diag([0, 0, 0.5, 0])))
    small = segmented(make_case("small"), BALL, grid_of((40, 48, 30), AFFINE))
    told: list[Measured] = []
    cases = [empty, single, cut, gone, moved, small, good]
    measured = measure_cases(cases, SANE, cache=tmp_path / "kept", jobs=2, on_case=told.append)
    assert told == measured
    reasons = {case.case: case.reason for case in measured[:3] + measured[4:6]}
    assert reasons["empty"] == "there is no tumour"
    assert reasons["single"].startswith("the largest lesion is a single voxel")
    assert "cut-t1c.nii.gz" in reasons["cut"]
    assert "gone-seg.nii.gz: cannot be read" in measured[3].reason
    assert "its affine differs from that of its images by up to 0.5 mm" in reasons["moved"]
    assert "is (40, 48, 30) voxels, expected (40, 48, 36) like its images" in reasons["small"]
    assert [case.readable for case in measured] == [True, True, False, False, False, False, True]
    assert [case.features is None for case in measured] == [True] * 6 + [False]
    assert rows_of(measured).shape == (1, 386)
    assert rows_of(measured[:2]).shape == (0, 386)
    write_features(tmp_path / "features.csv", measured)
    rows = list(csv.DictReader((tmp_path / "features.csv").open()))
    assert list(rows[0]) == ["case", "reason", *FEATURE_NAMES]
    assert rows[0]["reason"] == "there is no tumour"
    assert rows[0]["wt_shape_Flatness"] == ""
    # text gives every number back
    assert [float(rows[-1][name]) for name in FEATURE_NAMES] == rows_of(measured)[0].tolist()


def test_without_pyradiomics_nothing_is_begun(make_case: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radiomics.__version__", "v3.1.0")
    with pytest.raises(InputError, match=r"pyradiomics 3\.1\.0 is installed, expected 3\.0\.1 or 3\.1\.4"):
        measure_cases([segmented(make_case("c"))], SANE)


def test_a_folder_that_can_not_be_made_is_told(make_case: Maker, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="kept: cannot be made"):
        measure_cases([segmented(make_case("c"))], SANE, cache=tmp_path / "file" / "kept")


def counted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Calls of the extraction, from now on."""
    calls: list[object] = []
    original = extract_features

    def extract(*arguments: object) -> object:
        calls.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(bratseg.radiomics.measure, "extract_features", extract)
    return calls
