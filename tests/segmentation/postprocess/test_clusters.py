"""Clusters are read as they were written or refused, and cases go where scikit-learn would put them."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bratseg.postprocess.clusters import Assignment, Cluster, assign, read_clusters, write_clusters
from bratseg.radiomics.feature_names import FEATURE_NAMES
from bratseg.radiomics.projection import Components, Scaler, Standard
from bratseval.errors import InputError
from factories.clusters import NOTHING, random_clusters, thresholds, volume_clusters

ONES = Standard(np.ones(386), np.ones(386))


@pytest.mark.parametrize("kind", ["l2", "standard"])
def test_cases_go_where_scikit_learn_puts_them(kind: str) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.feature_selection import VarianceThreshold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer, StandardScaler

    generator = np.random.default_rng(0)
    rows = generator.lognormal(0, 1, (5300, 386)) * 10.0 ** generator.uniform(-3, 3, 386)
    rows[:, [7, 200]] = 3.25  # what never varies
    training, cases = rows[:300], rows[300:]
    steps = [Normalizer(norm="l2")] if kind == "l2" else [VarianceThreshold(), StandardScaler()]
    chain = make_pipeline(*steps, PCA(9), KMeans(8, n_init=3, random_state=0)).fit(training)
    scaling, pca, kmeans = chain[-3], chain[-2], chain[-1]
    scaler: Scaler = "l2" if kind == "l2" else Standard(scaling.mean_, scaling.scale_)
    kept = [name for i, name in enumerate(FEATURE_NAMES) if kind == "l2" or i not in (7, 200)]
    clusters = replace(
        random_clusters(scaler, tuple(kept)),
        components=Components(pca.mean_, pca.components_, tuple(pca.explained_variance_ratio_.tolist())),
        clusters=tuple(Cluster(1, centre, 1.0, NOTHING) for centre in kmeans.cluster_centers_),
    )
    found = [assign(dict(zip(FEATURE_NAMES, case, strict=True)), clusters) for case in cases.tolist()]
    np.testing.assert_array_equal([one.cluster for one in found], chain.predict(cases))
    np.testing.assert_allclose([one.distance for one in found], chain.transform(cases).min(axis=1), rtol=1e-9)
    assert len({one.cluster for one in found}) == 8


def test_the_nearest_centre_wins_and_the_limit_belongs_to_its_cluster() -> None:
    clusters = volume_clusters((100, 5, NOTHING), (200, 30, NOTHING))
    # 160 is 60 from 100 and 40 from 200
    assert assign({"wt_shape_VoxelVolume": 160.0}, clusters) == Assignment(1, 40.0, 30.0)
    assert assign({"wt_shape_VoxelVolume": 150.0}, clusters).cluster == 0  # the first of equals
    assert assign({"wt_shape_VoxelVolume": 160.0}, clusters).outlier
    assert not assign({"wt_shape_VoxelVolume": 170.0}, clusters).outlier  # 30 from 200: on the limit is within
    assert assign({"wt_shape_VoxelVolume": 169.999}, clusters).outlier


def test_a_distance_that_is_no_number_is_an_outlier() -> None:
    assert Assignment(0, float("nan"), 1.0).outlier


def test_under_l2_a_case_without_any_length_is_not_divided_by_it() -> None:
    clusters = random_clusters()
    expected = [np.linalg.norm(-clusters.components.loadings @ clusters.components.mean - c.centroid)
                for c in clusters.clusters]  # fmt: skip
    found = assign(dict.fromkeys(FEATURE_NAMES, 0.0), clusters)
    assert found.cluster == int(np.argmin(expected))
    assert found.distance == pytest.approx(min(expected))


@pytest.mark.parametrize("scaler", ["l2", ONES], ids=["l2", "standard"])
def test_clusters_read_back_as_they_were_written(tmp_path: Path, scaler: Scaler) -> None:
    clusters = random_clusters(scaler)
    write_clusters(tmp_path / "clusters.json", clusters)
    back = read_clusters(tmp_path / "clusters.json")
    for key in ("preset", "names", "outlier_quantile", "mode", "fill", "global_thresholds", "provenance"):
        assert getattr(back, key) == getattr(clusters, key)
    np.testing.assert_array_equal(back.components.loadings, clusters.components.loadings)
    np.testing.assert_array_equal(back.components.mean, clusters.components.mean)
    for one, other in zip(back.clusters, clusters.clusters, strict=True):
        assert (one.cases, one.distance_limit, one.thresholds) == (other.cases, other.distance_limit, other.thresholds)
        np.testing.assert_array_equal(one.centroid, other.centroid)
    write_clusters(tmp_path / "again.json", back)
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "clusters.json").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2  # nothing partial is left


def test_the_layout_of_the_file_is_free(tmp_path: Path) -> None:
    path = tmp_path / "clusters.json"
    write_clusters(path, random_clusters())
    path.write_text(json.dumps(dict(reversed(json.loads(path.read_text()).items()))))
    assert read_clusters(path).mode == "labels"


Table = dict[str, Any]


def first(table: Table) -> Table:
    return table["clusters"][0]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        # changed after it was fitted: each kind of number is bound
        (lambda t: first(t)["thresholds"]["remove"][0].update(below_mm3=80), "was changed after it was fitted"),
        (lambda t: t["global"]["remove"].clear(), "was changed after it was fitted"),
        (lambda t: first(t)["centroid"].reverse(), "was changed after it was fitted"),
        (lambda t: t["clusters"].reverse(), "was changed after it was fitted"),
        (lambda t: t["pca"]["mean"].reverse(), "was changed after it was fitted"),
        (lambda t: t["scaler"]["mean"].__setitem__(0, 1.5), "was changed after it was fitted"),
        (lambda t: t.update(fill="background"), "was changed after it was fitted"),
        (lambda t: t["provenance"].update(seed=1), "was changed after it was fitted"),
        (lambda t: t.update(sha256="0" * 64), f"expected sha256 {'0' * 64}, got"),
        # another extraction
        (lambda t: t["features"].update(extractor="pyradiomics 3.1.0"), "features.extractor is unknown"),
        (lambda t: t["features"].update(preset="ours"), "one of paper, sane"),
        (lambda t: t["features"]["settings"].update(binWidth=5), "features.settings are not those of paper"),
        (lambda t: t["features"].update(preset="sane"), "features.settings are not those of sane"),
        (lambda t: t["features"]["names"].reverse(), "some of the 386 features, in order"),
        (lambda t: t["features"]["names"].__setitem__(0, "wt_shape_Charm"), "some of the 386 features"),
        (lambda t: t["features"]["names"].__setitem__(1, "wt_shape_Elongation"), "some of the 386 features"),
        (lambda t: t["features"]["names"].clear(), "some of the 386 features"),
        # numbers
        (lambda t: t["pca"]["mean"].__setitem__(3, float("nan")), "NaN is no JSON"),
        (lambda t: first(t)["centroid"].__setitem__(0, float("inf")), "Infinity is no JSON"),
        (lambda t: t["pca"]["mean"].__setitem__(3, 10**400), "pca.mean is not as it should be, expected finite"),
        (lambda t: t["provenance"].update(loss=float("nan")), "NaN is no JSON"),
        (lambda t: t["pca"]["mean"].pop(), "a list of 386"),
        (lambda t: t["pca"]["components"][0]["loadings"].pop(), "a list of 386"),
        (lambda t: t["pca"]["components"].clear(), "at least one component"),
        (lambda t: t["pca"]["components"].pop(), "a list of 8"),  # the centroids have 9
        (lambda t: t["scaler"]["scale"].__setitem__(0, 0.0), "positive numbers"),
        (lambda t: t["scaler"].update(kind="robust"), "one of l2, standard"),
        (lambda t: t["scaler"].update(kind="l2"), "scaler has unknown keys"),
        (lambda t: t["clusters"].clear(), "at least one cluster"),
        (lambda t: first(t).update(cases=0), "integers from 1"),
        (lambda t: first(t).update(distance_limit=-0.1), "0 or more"),
        (lambda t: t.update(outlier_quantile=95), "above 0, at most 1"),
        # thresholds
        (lambda t: first(t)["thresholds"]["remove"][0].update(of="WT"), "one of NCR, ED, ET"),
        (lambda t: t.update(mode="regions"), "one of WT, TC, ET"),
        (lambda t: t.update(mode="voxels"), "one of labels, regions"),
        (lambda t: t.update(fill="brain"), "one of background, surrounding"),
        (lambda t: first(t)["thresholds"]["remove"][0].update(below_mm3=-1), "0 or more"),
        (lambda t: first(t)["thresholds"]["remove"][0].update(of="ET"), "names something twice"),
        (lambda t: first(t)["thresholds"]["redefine"][0].update(below_ratio=1.5), "0 to 1"),
        (lambda t: first(t)["thresholds"]["redefine"][0].update(to="ET"), "another label than ET"),
        (lambda t: first(t)["thresholds"]["redefine"][0].update(to="WT"), "one of NCR, ED, ET"),
        # keys
        (lambda t: t.update(format=2), "format is not supported, expected 1, got 2"),
        (lambda t: t.update(colour=1), "unknown keys"),
        (lambda t: first(t).update(colour=1), r"clusters\[0\] has unknown keys"),
        (lambda t: first(t)["thresholds"].update(keep=[]), "thresholds has unknown keys"),
        (lambda t: t["global"].pop("redefine"), "global.redefine is missing"),
        (lambda t: t.pop("sha256"), "sha256 is missing"),
        (lambda t: t.pop("provenance"), "provenance is missing"),
        (lambda t: t.update(provenance=1), "provenance is not a table"),
    ],
)
def test_a_spoiled_file_is_refused(tmp_path: Path, spoil: Callable[[Table], object], message: str) -> None:
    path = tmp_path / "clusters.json"
    write_clusters(path, random_clusters(ONES))
    table = json.loads(path.read_text())
    spoil(table)
    path.write_text(json.dumps(table))
    with pytest.raises(InputError, match=message) as caught:
        read_clusters(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"3"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "clusters.json").write_bytes(content)
    with pytest.raises(InputError, match=r"is not JSON|is not a table"):
        read_clusters(tmp_path / "clusters.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_clusters(tmp_path / "absent.json")


def test_what_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    clusters = volume_clusters((100, float("nan"), NOTHING))
    with pytest.raises(InputError, match="finite"):
        write_clusters(tmp_path / "clusters.json", clusters)
    with pytest.raises(InputError, match="one of NCR, ED, ET"):
        write_clusters(tmp_path / "clusters.json", volume_clusters((100, 1, thresholds(WT=5))))
    assert list(tmp_path.iterdir()) == []


def test_clusters_are_read_without_the_packages_that_fit_or_feed_them(tmp_path: Path) -> None:
    write_clusters(tmp_path / "clusters.json", random_clusters())
    code = (
        "import sys, pathlib, bratseg.postprocess.clusters, bratseg.postprocess.apply\n"
        "bratseg.postprocess.clusters.read_clusters(pathlib.Path(sys.argv[1]))\n"
        "sys.exit(bool({'radiomics', 'SimpleITK', 'sklearn', 'torch'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "clusters.json"], check=False)
    assert done.returncode == 0
