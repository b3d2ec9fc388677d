"""The default weights' post-processing: thresholds that help and no others, one cluster, listed in the manifest."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bratseg.demo.default_weights import fitting
from bratseg.demo.default_weights.fitting import FittedPhantom, best_thresholds, fit_postprocessing, one_cluster
from bratseg.inference.pipeline import Ensemble
from bratseg.phantoms import make_phantom
from bratseg.postprocess.clusters import assign, read_clusters
from bratseg.postprocess.thresholds import Removal, Thresholds
from bratseg.radiomics.feature_names import FEATURE_NAMES
from bratseg.weights.folder import add_member, read_manifest
from bratseval.challenge import EDITIONS
from factories.members import Bright

RULES = EDITIONS["ssa-2023"]


def fitted(spurious: int, label: int) -> FittedPhantom:
    """A cube of 1,000 voxels of ET, found, and a bar of `spurious` voxels far from it."""
    reference = np.zeros((60, 40, 20), dtype=np.uint8)
    reference[4:14, 4:14, 4:14] = 3
    prediction = reference.copy()
    bar: NDArray[np.uint8] = prediction[40 : 40 + spurious // 5, 30:35, 15]
    bar[...] = label
    return FittedPhantom(reference, prediction, None)


def test_the_smallest_size_that_removes_what_is_spurious_is_taken() -> None:
    # 60 voxels of ED: WT's lesion-wise Dice is (1 + 0) / 2 up to sizes of 50, and 1 from 100 on
    assert best_thresholds([fitted(60, 2)], RULES) == Thresholds(
        (Removal("WT", 100.0), Removal("TC", 0.0), Removal("ET", 0.0)), ()
    )


def test_nothing_is_removed_where_that_helps_nobody() -> None:
    chosen = best_thresholds([fitted(0, 2)], RULES)
    assert [removal.below_mm3 for removal in chosen.remove] == [0.0, 0.0, 0.0]


def test_a_size_that_costs_more_than_it_gives_is_not_taken() -> None:
    # removing 100 voxels of ED of one phantom would take 200 at least, and with it the only lesion of the other
    small = np.zeros((40, 40, 20), dtype=np.uint8)
    small[5:10, 5:10, 5:11] = 3  # 150 voxels
    found = FittedPhantom(small, small, None)
    chosen = best_thresholds([fitted(100, 2), found, found], RULES)
    # with 200: 1 + 0 + 0 in WT, TC and ET; without: 0.5 + 1 + 1 in WT and 3 in the others
    assert [removal.below_mm3 for removal in chosen.remove] == [0.0, 0.0, 0.0]


def test_the_cluster_is_that_of_all_phantoms_without_what_never_varies() -> None:
    generator = np.random.default_rng(0)
    rows = generator.normal(5, 2, (12, len(FEATURE_NAMES)))
    rows[:, 3] = 7.0
    nothing = np.zeros((1, 1, 1), dtype=np.uint8)
    phantoms = [FittedPhantom(nothing, nothing, row) for row in rows] + [FittedPhantom(nothing, nothing, None)]
    clusters = one_cluster(phantoms, Thresholds((), ()))
    assert FEATURE_NAMES[3] not in clusters.names
    assert len(clusters.names) == len(FEATURE_NAMES) - 1
    assert sum(clusters.components.variance_ratio) >= 0.99
    (cluster,) = clusters.clusters
    assert cluster.cases == 12
    assert np.abs(cluster.centroid).max() < 1e-9  # centred rows
    found = [assign(dict(zip(FEATURE_NAMES, row, strict=True)), clusters) for row in rows.tolist()]
    assert sum(one.outlier for one in found) == 1  # a quantile of 0.95 leaves one of twelve outside
    assert assign(dict(zip(FEATURE_NAMES, (rows[0] + 100).tolist(), strict=True)), clusters).outlier


def test_a_fit_is_listed_in_the_manifest_and_reads_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        fitting, "make_phantom", lambda seed: make_phantom(seed, shape=(60, 72, 56), spacing_mm=(2.8, 2.8, 2.8))
    )
    member = tmp_path / "nnunet"
    member.mkdir()
    (member / "member.json").write_text("{}")
    add_member(tmp_path, "nnunet", 1.0, source="made here", licence="CC0")
    fitted = fit_postprocessing(tmp_path, Ensemble(((Bright(200.0), 1.0),), None, 0.5), phantoms=3)
    back = read_clusters(tmp_path / "clusters.json")
    assert back.global_thresholds == fitted.global_thresholds
    assert [removal.of for removal in back.global_thresholds.remove] == ["WT", "TC", "ET"]
    assert [file.path for file in read_manifest(tmp_path).files] == ["nnunet/member.json", "clusters.json"]
