"""Small components go, scarce labels are redefined, and every case says by which thresholds and why."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

import bratseg.inference.load
import bratseg.postprocess.apply
from bratseg.inference.config import read_config
from bratseg.inference.load import load_ensemble
from bratseg.inference.run import run_cases, write_report
from bratseg.models.description import write_description
from bratseg.postprocess.apply import Cleaned, Postprocessed, apply_thresholds, postprocess_case
from bratseg.postprocess.clusters import Clusters, write_clusters
from bratseg.postprocess.thresholds import Fill, Mode, Redefinition, Thresholds
from bratseg.radiomics.features import NoFeatures
from bratseg.weights.folder import add_member, list_file, read_manifest, write_manifest
from bratseval.challenge import ED, ET, MODALITIES, NCR
from bratseval.errors import InputError
from bratseval.files.cases import find_cases
from bratseval.files.nifti import read_image, read_labels, write_image
from factories.boxes import labels_of
from factories.clusters import NOTHING, thresholds, volume_clusters
from factories.members import Bright, description

SHAPE = (20, 20, 20)


def clean(
    labels: np.ndarray,
    what: Thresholds,
    mode: Mode = "labels",
    fill: Fill = "background",
    voxel_mm3: float = 1.0,
) -> Cleaned:
    return apply_thresholds(labels, what, mode=mode, fill=fill, voxel_mm3=voxel_mm3)


# Removal


def test_a_component_is_removed_strictly_below_the_threshold() -> None:
    labels = labels_of(SHAPE, (0, 2, 0, 2, 0, 2, ED), (5, 10, 5, 10, 5, 10, ED))  # 8 and 125 voxels
    assert np.array_equal(clean(labels, thresholds(ED=8)).labels, labels)
    found = clean(labels, thresholds(ED=8.5))
    assert np.array_equal(found.labels, labels_of(SHAPE, (5, 10, 5, 10, 5, 10, ED)))
    assert found.removed_voxels == {ED: 8}
    assert clean(labels, thresholds(ED=126)).removed_voxels == {ED: 133}
    assert clean(labels, thresholds(ED=0)).removed_voxels == {}


def test_voxels_that_meet_at_a_corner_are_one_component() -> None:
    labels = labels_of(SHAPE, (3, 4, 3, 4, 3, 4, ET), (4, 5, 4, 5, 4, 5, ET), (6, 7, 4, 5, 4, 5, ET))
    found = clean(labels, thresholds(ET=2))  # two that meet, and one a voxel further
    assert np.array_equal(found.labels, labels_of(SHAPE, (3, 4, 3, 4, 3, 4, ET), (4, 5, 4, 5, 4, 5, ET)))


def test_thresholds_are_volumes_whatever_the_size_of_a_voxel() -> None:
    labels = labels_of(SHAPE, (0, 3, 0, 1, 0, 1, ED))  # 3 voxels
    assert clean(labels, thresholds(ED=24), voxel_mm3=8.0).removed_voxels == {}  # 24 mm3
    assert clean(labels, thresholds(ED=24.1), voxel_mm3=8.0).removed_voxels == {ED: 3}
    # spacing as an affine rounds it: 3 voxels are still not below 3 mm3
    for edge in (0.9999999, 1.0000001):
        assert clean(labels, thresholds(ED=3), voxel_mm3=edge**3).removed_voxels == {}
        assert clean(labels, thresholds(ED=4), voxel_mm3=edge**3).removed_voxels == {ED: 3}


def test_labels_are_looked_at_one_by_one_and_leave_holes_as_in_the_paper() -> None:
    # a speck of NCR, 1 voxel, inside ET: its own label's component, however large the tumour around it
    labels = labels_of(SHAPE, (5, 10, 5, 10, 5, 10, ET), (7, 8, 7, 8, 7, 8, NCR))
    found = clean(labels, thresholds(NCR=2, ET=100))
    assert np.array_equal(found.labels, labels_of(SHAPE, (5, 10, 5, 10, 5, 10, ET), (7, 8, 7, 8, 7, 8, 0)))
    assert found.removed_voxels == {NCR: 1}


def test_the_surrounding_label_fills_the_hole() -> None:
    boxes = ((5, 10, 5, 10, 5, 10, ET), (7, 8, 7, 8, 7, 8, NCR), (15, 16, 15, 16, 15, 16, NCR), (0, 1, 0, 1, 0, 1, NCR))
    found = clean(labels_of(SHAPE, *boxes), thresholds(NCR=2), fill="surrounding")
    # inside ET: ET; alone, also in a corner of the volume: background
    assert np.array_equal(found.labels, labels_of(SHAPE, (5, 10, 5, 10, 5, 10, ET)))
    assert found.removed_voxels == {NCR: 3}


def test_the_most_frequent_label_around_fills_and_the_lowest_of_equals() -> None:
    # one voxel between ED (x < 10) and ET (x > 10) in a plane of background at x = 10: 9 and 9 around it, and 8 of 0
    labels = labels_of(SHAPE, (0, 10, 0, 20, 0, 20, ED), (11, 20, 0, 20, 0, 20, ET), (10, 11, 9, 10, 9, 10, NCR))
    assert clean(labels, thresholds(NCR=2), fill="surrounding").labels[10, 9, 9] == ED
    labels[9, 9, 9] = ET  # 8 and 10
    assert clean(labels, thresholds(NCR=2), fill="surrounding").labels[10, 9, 9] == ET
    labels[9:12, 8:11, 8:11] = 0
    labels[10, 9, 9] = NCR
    assert clean(labels, thresholds(NCR=2), fill="surrounding").labels[10, 9, 9] == 0
    labels[11, 10, 10] = ET  # 1 at a corner, and 25 of 0: tumour goes first
    assert clean(labels, thresholds(NCR=2), fill="surrounding").labels[10, 9, 9] == ET


def test_a_component_that_fills_the_volume_has_no_surroundings() -> None:
    labels = np.full((3, 3, 3), ED, dtype=np.uint8)
    assert not clean(labels, thresholds(ED=28), fill="surrounding").labels.any()


def test_regions_are_removed_with_all_their_labels() -> None:
    # a lesion of 1 NCR, 8 - 1 ET and 27 - 8 ED: as labels each is small, as WT 27 voxels are not
    boxes = ((5, 8, 5, 8, 5, 8, ED), (5, 7, 5, 7, 5, 7, ET), (5, 6, 5, 6, 5, 6, NCR))
    labels = labels_of(SHAPE, *boxes, (12, 13, 12, 13, 12, 13, ET))
    found = clean(labels, thresholds(WT=27), mode="regions")
    assert np.array_equal(found.labels, labels_of(SHAPE, *boxes))
    assert found.removed_voxels == {ET: 1}
    # as TC 8 voxels are below 9; what is around them is ED, so WT keeps its form
    found = clean(labels, thresholds(WT=27, TC=9), mode="regions", fill="surrounding")
    assert np.array_equal(found.labels, labels_of(SHAPE, boxes[0]))
    assert found.removed_voxels == {NCR: 1, ET: 8}


def test_each_removal_sees_what_the_one_before_left() -> None:
    # NCR's hole in ET is filled with ET first, so ET is 27 voxels and stays; the other way round ET is 26 and turns
    # into what it surrounds
    labels = labels_of(SHAPE, (5, 8, 5, 8, 5, 8, ET), (6, 7, 6, 7, 6, 7, NCR))
    assert clean(labels, thresholds(NCR=2, ET=27), fill="surrounding").removed_voxels == {NCR: 1}
    assert clean(labels, thresholds(ET=27, NCR=2), fill="surrounding").removed_voxels == {ET: 26}


@pytest.mark.parametrize("seed", range(5))
def test_removal_does_what_a_plain_loop_over_components_does(seed: int) -> None:
    generator = np.random.default_rng(seed)
    labels = generator.choice(4, (14, 15, 16), p=(0.82, 0.06, 0.06, 0.06)).astype(np.uint8)
    below = {"ED": 3, "NCR": 5, "ET": 2}
    expected = labels.copy()
    for name, size in below.items():
        label = {"NCR": NCR, "ED": ED, "ET": ET}[name]
        numbered, count = ndimage.label(labels == label, structure=np.ones((3, 3, 3)))
        for number in range(1, count + 1):
            if np.sum(numbered == number) < size:
                expected[numbered == number] = 0
    found = clean(labels, thresholds(**below))
    assert np.array_equal(found.labels, expected)
    assert sum(found.removed_voxels.values()) == np.count_nonzero(labels) - np.count_nonzero(expected) > 0


# Redefinition


def test_a_scarce_label_is_redefined_strictly_below_the_ratio() -> None:
    labels = labels_of(SHAPE, (0, 10, 0, 10, 0, 1, ED), (0, 10, 0, 1, 0, 1, ET))  # 10 of 100 are ET
    assert np.array_equal(clean(labels, thresholds(redefine=("ET", 0.1, "NCR"))).labels, labels)
    found = clean(labels, thresholds(redefine=("ET", 0.11, "NCR")))
    assert np.array_equal(found.labels, np.where(labels == ET, NCR, labels))
    assert (found.redefined_voxels, found.removed_voxels) == ({ET: 10}, {})


def test_the_ratio_is_taken_after_the_removal() -> None:
    # 10 ET, 80 ED and 20 ED apart: 10 / 110 is below 0.1; without the 20, 10 / 90 is not
    boxes = ((0, 10, 0, 8, 0, 1, ED), (0, 10, 8, 9, 0, 1, ET), (0, 10, 12, 14, 5, 6, ED))
    labels, rule = labels_of(SHAPE, *boxes), ("ET", 0.1, "NCR")
    assert clean(labels, thresholds(redefine=rule)).redefined_voxels == {ET: 10}
    found = clean(labels, thresholds(redefine=rule, ED=21))
    assert np.array_equal(found.labels, labels_of(SHAPE, *boxes[:2]))
    assert found.redefined_voxels == {}


def test_redefinitions_see_each_other_in_their_order() -> None:
    # of 100: 10 ET, 10 NCR. ET becomes NCR, which is then 20 and not below 0.15
    labels = labels_of(SHAPE, (0, 10, 0, 10, 0, 1, ED), (0, 10, 0, 1, 0, 1, ET), (0, 10, 1, 2, 0, 1, NCR))
    rules = (Redefinition("ET", 0.15, "NCR"), Redefinition("NCR", 0.15, "ED"))
    assert clean(labels, Thresholds((), rules)).redefined_voxels == {ET: 10}
    # the other way round NCR is 10 and becomes ED, then ET becomes NCR
    assert clean(labels, Thresholds((), rules[::-1])).redefined_voxels == {NCR: 10, ET: 10}


def test_a_tumour_that_is_removed_whole_has_no_ratio() -> None:
    labels = labels_of(SHAPE, (0, 2, 0, 2, 0, 2, ET))
    found = clean(labels, thresholds(redefine=("ET", 1.0, "NCR"), ET=100))
    assert not found.labels.any()
    assert (found.removed_voxels, found.redefined_voxels) == ({ET: 8}, {})


# The case


def images_of(shape: tuple[int, ...] = SHAPE) -> dict:
    generator = np.random.default_rng(0)
    return {modality: generator.gamma(2, 100, shape).astype(np.float32) for modality in MODALITIES}


def process(labels: np.ndarray, clusters: Clusters) -> Postprocessed:
    return postprocess_case(labels, images_of(labels.shape), (1.0, 1.0, 1.0), clusters)


# a lesion of 5 ** 3 = 125 voxels of ED and a speck of 2; one cluster of such lesions, one of larger ones
CASE = labels_of(SHAPE, (5, 10, 5, 10, 5, 10, ED), (15, 17, 15, 16, 15, 16, ED))
CLUSTERS = volume_clusters(
    (1000, 50, thresholds(ED=500)), (120, 10, thresholds(ED=3)), fallback=thresholds(redefine=("ED", 1.0, "ET"), ED=126)
)


def test_a_case_gets_the_thresholds_of_its_cluster() -> None:
    before = CASE.copy()
    found = process(CASE, CLUSTERS)
    # 125 mm3 are 5 from 120
    told = "cluster 1: 5 from its centre, 95% of its training cases lie within 10; removed 2 voxels of ED"
    assert found.reason == told
    assert np.array_equal(found.labels, labels_of(SHAPE, (5, 10, 5, 10, 5, 10, ED)))
    assert found.removed_voxels == {ED: 2}
    assert np.array_equal(CASE, before)


def test_a_case_that_nothing_happens_to_says_so() -> None:
    found = process(CASE, volume_clusters((125, 10, NOTHING)))
    assert found.reason.endswith("; nothing changed")
    assert np.array_equal(found.labels, CASE)


def test_without_a_tumour_nothing_is_done() -> None:
    found = process(np.zeros(SHAPE, np.uint8), CLUSTERS)
    assert found.reason == "empty_wt: no tumour was segmented, so there is nothing to post-process"
    assert not found.labels.any()
    assert (found.removed_voxels, found.redefined_voxels) == ({}, {})


def test_a_case_like_none_in_training_gets_the_global_thresholds() -> None:
    labels = labels_of(SHAPE, (5, 10, 5, 11, 5, 10, ED))  # 150 mm3: 30 from 120, where 10 is the limit
    found = process(labels, CLUSTERS)
    assert found.reason == (
        "global thresholds: a case like none in training, the nearest cluster, 1, is 30 away, "
        "while 95% of its training cases lie within 10; nothing changed"
    )
    assert np.array_equal(found.labels, labels)  # 150 are not below 126; a whole tumour of ED has a ratio of 1.0


@pytest.mark.parametrize(
    ("box", "told"),
    [
        ((5, 6, 5, 6, 5, 6), "global thresholds: the largest lesion is a single voxel, too little for features"),
        ((5, 6, 5, 6, 5, 9), "global thresholds: the largest lesion is a line of 4 voxels, too little for features"),
    ],
)
def test_a_tumour_too_small_for_features_gets_the_global_thresholds(box: tuple[int, ...], told: str) -> None:
    found = process(labels_of(SHAPE, (*box, ED)), CLUSTERS)
    assert found.reason.startswith(f"{told}; removed ")
    assert not found.labels.any()  # below 126 mm3


def test_a_reason_why_there_are_no_features_is_the_cases_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise NoFeatures("pyradiomics can't be loaded (No module named 'radiomics')")

    monkeypatch.setattr(bratseg.postprocess.apply, "extract_features", none)
    found = process(CASE, CLUSTERS)
    assert found.reason.startswith("global thresholds: pyradiomics can't be loaded")
    assert not found.labels.any()


def test_a_defect_is_not_taken_for_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bratseg.postprocess.apply, "extract_features", lambda *_: {})
    with pytest.raises(KeyError, match="wt_shape_VoxelVolume"):
        process(CASE, CLUSTERS)


# The run


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Clusters], Path]:
    """Makes a weights folder of Bright, whose files a real engine never sees, with fitted clusters."""
    monkeypatch.setattr(bratseg.inference.load, "load_member", lambda *_, **__: Bright())

    def make(clusters: Clusters) -> Path:
        folder = tmp_path / "weights"
        (folder / "bright").mkdir(parents=True)
        write_description(folder / "bright" / "member.json", description())
        (folder / "bright" / "fold_0.safetensors").write_bytes(b"none")
        manifest = add_member(folder, "bright", 1.0, source="made here", licence="CC0")
        write_clusters(folder / "clusters.json", clusters)
        listed = list_file(folder, folder / "clusters.json", source="made here", licence="CC0")
        write_manifest(folder, replace(manifest, files=(*manifest.files, listed)))
        return folder

    return make


def with_speck(folder: Path) -> int:
    """Brightens 5 voxels of t2f far from the tumour; how many voxels the tumour has."""
    path = folder / f"{folder.name}-t2f.nii.gz"
    image = read_image(path)
    voxels = image.voxels.copy()
    voxels[8:13, 24, 18] = 400  # the tumour is around x = 26
    write_image(path, voxels, image.grid)
    return int(np.count_nonzero(voxels > 250)) - 5


def run(cases: Path, weights: Path, output: Path, *, postprocess: bool = True) -> dict:
    """The report of a run with a weights folder."""
    output.mkdir()
    config = replace(read_config(), postprocess=postprocess)
    with load_ensemble(weights, config, "cpu") as (ensemble, settings):
        results = run_cases(find_cases(cases), output, ensemble, settings)
    write_report(output / "report.json", results, settings, 0.0)
    return json.loads((output / "report.json").read_text())["cases"][0]


def test_a_run_removes_by_the_clusters_of_its_weights_and_reports_it(
    tmp_path: Path, make_case: Callable[..., Path], weights: Callable[[Clusters], Path]
) -> None:
    volume = with_speck(make_case("A"))
    folder = weights(volume_clusters((volume + 3, 10, thresholds(ED=6)), (1e6, 10, NOTHING)))
    assert "clusters.json" in {file.path for file in read_manifest(folder).files}
    case = run(tmp_path / "cases", folder, tmp_path / "out")
    assert case["state"] == "ok"
    assert case["removed_voxels"] == 5
    told = "cluster 0: 3 from its centre, 95% of its training cases lie within 10; removed 5 voxels of ED"
    assert case["postprocess"] == told
    assert case["volumes_mm3"] == {"2": float(volume)}
    assert not read_labels(tmp_path / "out" / "A.nii.gz").voxels[8:13, 24, 18].any()
    without = run(tmp_path / "cases", folder, tmp_path / "out_without", postprocess=False)
    assert without["postprocess"] == "none: the parameters switch it off"
    assert without["volumes_mm3"] == {"2": float(volume + 5)}


def test_a_run_reports_why_a_case_belongs_to_no_cluster(
    tmp_path: Path, make_case: Callable[..., Path], weights: Callable[[Clusters], Path]
) -> None:
    volume = with_speck(make_case("A"))
    folder = weights(volume_clusters((volume + 30, 10, NOTHING), fallback=thresholds(ED=6)))
    case = run(tmp_path / "cases", folder, tmp_path / "out")
    assert case["postprocess"].startswith(
        "global thresholds: a case like none in training, the nearest cluster, 0, is 30 away, while 95%"
    )
    assert case["removed_voxels"] == 5


def test_a_case_stored_in_another_orientation_is_the_same_case(
    tmp_path: Path, make_case: Callable[..., Path], weights: Callable[[Clusters], Path]
) -> None:
    folder = make_case("A")
    volume = with_speck(folder)
    turned = tmp_path / "turned" / "A"
    turned.mkdir(parents=True)
    for path in folder.iterdir():
        image = nib.load(path)
        turn = nib.orientations.ornt_transform(nib.io_orientation(image.affine), nib.orientations.axcodes2ornt("SAR"))
        nib.save(image.as_reoriented(turn), turned / path.name)
    made = weights(volume_clusters((volume, 1, thresholds(ED=6))))
    first = run(tmp_path / "cases", made, tmp_path / "out")
    second = run(tmp_path / "turned", made, tmp_path / "out_turned")
    assert second["postprocess"] == first["postprocess"]
    assert second["removed_voxels"] == first["removed_voxels"] == 5


def test_clusters_that_were_changed_stop_the_run_before_it_starts(
    tmp_path: Path, make_case: Callable[..., Path], weights: Callable[[Clusters], Path]
) -> None:
    make_case("A")
    folder = weights(volume_clusters((100, 10, thresholds(ED=6))))
    path = folder / "clusters.json"
    path.write_text(path.read_text().replace('"below_mm3": 6', '"below_mm3": 7'))
    with pytest.raises(InputError, match=r"clusters\.json: .*changed"):
        run(tmp_path / "cases", folder, tmp_path / "out")
    manifest = read_manifest(folder)
    files = tuple(file for file in manifest.files if file.path != "clusters.json")
    listed = list_file(folder, path, source="made here", licence="CC0")
    write_manifest(folder, replace(manifest, files=(*files, listed)))  # also where the manifest agrees with the change
    with pytest.raises(InputError, match=r"clusters\.json: was changed after it was fitted"):
        run(tmp_path / "cases", folder, tmp_path / "out_again")
