"""Clusters are found where they are, the same on every run, and cases go to them as scikit-learn would send them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bratseg.postprocess.clusters import assign, read_clusters, write_clusters
from bratseg.postprocess.fit_clusters import ClusterFit, clusters_from, fit_clusters, nearest
from bratseg.radiomics.feature_names import FEATURE_NAMES, PRESETS, Preset
from bratseg.radiomics.projection import Numbers, Standard, project
from bratseval.errors import InputError
from factories.clusters import NOTHING, thresholds

SANE, PAPER = PRESETS["sane"], PRESETS["paper"]


@pytest.fixture(autouse=True)
def _needs_sklearn() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")


def grouped(*sizes: int, seed: int = 0, spread: float = 0.05) -> Numbers:
    """Cases around as many centres as sizes, one group after the other, all features on scales of their own."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(0, 1, (len(sizes), 386))
    rows = np.repeat(centres, sizes, axis=0) + spread * generator.standard_normal((sum(sizes), 386))
    scales: Numbers = 10.0 ** generator.uniform(-3, 3, 386)
    return (rows + 5) * scales


def as_case(row: Numbers) -> dict[str, float]:
    return dict(zip(FEATURE_NAMES, row.tolist(), strict=True))


@pytest.mark.parametrize("preset", [SANE, PAPER], ids=["sane", "paper"])
def test_groups_that_stand_apart_are_found_largest_first(preset: Preset) -> None:
    fit = fit_clusters(grouped(7, 20, 12), preset)
    assert fit.cases == (20, 12, 7)
    np.testing.assert_array_equal(fit.assigned, [2] * 7 + [0] * 20 + [1] * 12)
    assert max(fit.silhouettes, key=lambda k: fit.silhouettes[k]) == 3
    assert list(fit.silhouettes) == list(range(2, 13))
    # the mean of its cases is a cluster's centroid
    points = project(grouped(7, 20, 12)[:, [name in fit.names for name in FEATURE_NAMES]], fit.scaler, fit.components)
    np.testing.assert_allclose(fit.centroids[2], points[:7].mean(axis=0), rtol=1e-9, atol=1e-12)
    distances = np.linalg.norm(points[:7] - fit.centroids[2], axis=1)
    assert fit.distance_limits[2] == pytest.approx(np.quantile(distances, 0.95))


@pytest.mark.parametrize("kind", ["sane", "paper"])
def test_5000_cases_go_where_scikit_learn_would_put_them(kind: str) -> None:
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.feature_selection import VarianceThreshold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer, StandardScaler

    generator = np.random.default_rng(1)
    # twelve causes behind 386 skewed features, as features of tumours go together
    causes = generator.standard_normal((5261, 12)) @ generator.normal(0, 0.3, (12, 386))
    rows = np.exp(causes + generator.normal(0, 0.1, causes.shape)) * 10.0 ** generator.uniform(-3, 3, 386)
    rows[:, [7, 200]] = 3.25  # what never varies
    training, cases = rows[:261], rows[261:]
    fit = fit_clusters(training, PRESETS[kind], counts=(8,), seed=3)
    steps = [Normalizer(norm="l2")] if kind == "paper" else [VarianceThreshold(), StandardScaler()]
    chain = make_pipeline(*steps, PCA(0.99, svd_solver="full"), KMeans(8, n_init=50, random_state=3)).fit(training)
    assert len(fit.components.loadings) == chain[-2].n_components_
    np.testing.assert_allclose(fit.components.variance_ratio, chain[-2].explained_variance_ratio_, rtol=1e-9)
    theirs = chain.predict(training)  # numbered by the draw
    names = {int(ours): int(other) for ours, other in zip(fit.assigned, theirs, strict=True)}
    assert sorted(names) == sorted(names.values()) == list(range(8))
    clusters = clusters_from(fit, [NOTHING] * 8, NOTHING, mode="labels", fill="background", provenance={})
    found = [assign(as_case(case), clusters) for case in cases]
    np.testing.assert_array_equal([names[one.cluster] for one in found], chain.predict(cases))
    np.testing.assert_allclose([one.distance for one in found], chain.transform(cases).min(axis=1), rtol=1e-9)
    assert len({one.cluster for one in found}) == 8


def test_a_fit_is_the_same_on_every_run_and_in_any_order_of_the_cases() -> None:
    rows = grouped(7, 20, 12)
    first, again = fit_clusters(rows, SANE), fit_clusters(rows, SANE)
    np.testing.assert_array_equal(first.centroids, again.centroids)
    np.testing.assert_array_equal(first.assigned, again.assigned)
    order = np.random.default_rng(5).permutation(len(rows))
    shuffled = fit_clusters(rows[order], SANE)
    np.testing.assert_array_equal(shuffled.assigned, first.assigned[order])
    np.testing.assert_allclose(shuffled.centroids, first.centroids, rtol=1e-6, atol=1e-9)  # signs included


def test_clusters_of_equal_size_are_ordered_by_their_first_component() -> None:
    fit = fit_clusters(grouped(10, 10, 10), SANE)
    assert fit.cases == (10, 10, 10)
    assert (np.diff(fit.centroids[:, 0]) > 0).all()


def test_what_never_varies_is_left_out_when_features_are_standardised_and_only_then() -> None:
    rows = grouped(10, 10)
    rows[:, 3] = 7.0
    rows[:, 4] = 0.1 * np.where(np.arange(20) % 2, 1, 1 + 1e-15)  # rounding
    fit = fit_clusters(rows, SANE)
    assert fit.names == tuple(name for i, name in enumerate(FEATURE_NAMES) if i not in (3, 4))
    assert isinstance(fit.scaler, Standard)
    assert len(fit.scaler.mean) == 384
    assert fit_clusters(rows, PAPER).names == FEATURE_NAMES
    assert fit_clusters(rows, PAPER).scaler == "l2"


def test_components_keep_the_variance_or_are_as_many_as_asked() -> None:
    rows = np.random.default_rng(0).standard_normal((40, 386))
    half = fit_clusters(rows, SANE, counts=(1,), components=0.5).components.variance_ratio
    assert sum(half) >= 0.5 > sum(half[:-1])
    nearly_all = fit_clusters(rows, SANE, counts=(1,), components=0.999999)
    assert len(nearly_all.components.loadings) == 39  # centred rows have no more
    assert len(fit_clusters(rows, SANE, counts=(1,), components=9).components.loadings) == 9
    with pytest.raises(InputError, match="40 of 40 cases can't be had"):
        fit_clusters(rows, SANE, counts=(1,), components=40)


def test_one_cluster_has_all_cases_and_needs_no_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    fit = fit_clusters(grouped(7, 20, 12), SANE, counts=(1,))
    assert fit.cases == (39,)
    assert fit.silhouettes == {}
    assert np.abs(fit.centroids).max() < 1e-9  # centred rows
    with pytest.raises(InputError, match=r"needs scikit-learn. Install brats-harness\[train\]"):
        fit_clusters(grouped(7, 20, 12), SANE)


def test_as_many_clusters_as_cases_are_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    fit = fit_clusters(grouped(3, 2), SANE)  # of 2 to 12 only 2, 3 and 4 are fewer than five cases
    assert list(fit.silhouettes) == [2, 3, 4]
    assert fit.cases == (3, 2)
    assert "5 clusters are passed over: 5 cases do not make so many" in caplog.text
    assert fit_clusters(grouped(2), SANE).cases == (2,)


def test_cases_that_are_the_same_make_no_cluster_of_their_own(caplog: pytest.LogCaptureFixture) -> None:
    rows = np.repeat(grouped(1, 1, 1), 5, axis=0)
    fit = fit_clusters(rows, SANE)
    assert list(fit.silhouettes) == [2, 3]  # three different ones
    assert fit.cases == (5, 5, 5)
    assert fit.silhouettes[3] == pytest.approx(1)
    assert "4 clusters are passed over" in caplog.text


@pytest.mark.parametrize("rows", [0, 1, 6])
@pytest.mark.parametrize("preset", [SANE, PAPER], ids=["sane", "paper"])
def test_cases_that_do_not_differ_are_refused(rows: int, preset: Preset) -> None:
    with pytest.raises(InputError, match=f"no two of {rows} cases differ"):
        fit_clusters(np.repeat(grouped(1), rows, axis=0), preset)


def test_cases_that_differ_in_length_alone_are_the_same_under_l2() -> None:
    rows = grouped(1) * np.array([[1.0], [2.0], [4.0], [3.0]])
    with pytest.raises(InputError, match="no two of 4 cases differ once scaled"):
        fit_clusters(rows, PAPER)
    assert fit_clusters(rows, SANE, counts=(2,)).cases == (2, 2)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"counts": ()}, r"clusters: \[\] can't be tried"),
        ({"counts": (0, 2)}, "expected numbers from 1"),
        ({"components": 1.5}, "components: 1.5 of"),
        ({"components": -0.5}, "components: -0.5 of"),
        ({"outlier_quantile": 95}, "outlier quantile: is 95"),
        ({"components": 0}, "components: 0 of"),
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        fit_clusters(grouped(5, 5), SANE, **wrong)


def test_features_that_are_no_table_of_386_finite_numbers_are_a_defect() -> None:
    for rows in (np.zeros((4, 385)), np.zeros(386), np.full((4, 386), np.nan)):
        with pytest.raises(ValueError, match="expected"):
            fit_clusters(rows, SANE)


@pytest.mark.parametrize("preset", [SANE, PAPER], ids=["sane", "paper"])
def test_a_fit_is_written_and_read_back_without_a_pickle(tmp_path: Path, preset: Preset) -> None:
    fit = fit_clusters(grouped(7, 20, 12), preset)
    own = (thresholds(NCR=50), thresholds(ED=25), NOTHING)
    made = clusters_from(fit, own, thresholds(ET=75), mode="labels", fill="surrounding", provenance={"cases": 39})
    path = tmp_path / "clusters.json"
    write_clusters(path, made)
    back = read_clusters(path)
    assert [(cluster.cases, cluster.thresholds) for cluster in back.clusters] == list(zip(fit.cases, own, strict=True))
    assert back.global_thresholds == thresholds(ET=75)
    assert back.outlier_quantile == 0.95
    # what was read puts every training case where the fit has it, and a stranger nowhere
    found = [assign(as_case(row), back) for row in grouped(7, 20, 12)]
    np.testing.assert_array_equal([one.cluster for one in found], fit.assigned)
    assert assign(as_case(grouped(1, seed=9)[0]), back).outlier
    assert kinds(json.loads(path.read_text())) <= {dict, list, str, int, float, bool}
    table = json.loads(path.read_text())
    table["features"]["settings"]["normalize"] = False
    path.write_text(json.dumps(table))
    with pytest.raises(InputError, match="settings are not those of"):
        read_clusters(path)


def kinds(value: object) -> set[type]:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {type(value)}.union(*(kinds(each) for each in inside))


def test_thresholds_for_another_number_of_clusters_are_a_defect() -> None:
    fit: ClusterFit = fit_clusters(grouped(7, 20, 12), SANE)
    with pytest.raises(ValueError, match="shorter"):
        clusters_from(fit, [NOTHING] * 2, NOTHING, mode="labels", fill="background", provenance={})


def test_the_nearest_centroid_is_the_first_of_equals() -> None:
    closest, distances = nearest(np.array([[0.0, 0], [3, 4]]), np.array([[1.0, 0], [-1, 0], [3, 0]]))
    assert closest.tolist() == [0, 2]
    assert distances.tolist() == [1.0, 4.0]


def test_scikit_learn_is_loaded_for_k_means_alone() -> None:
    heavy = "{'sklearn', 'radiomics', 'torch'}"
    code = f"import sys, bratseg.postprocess.fit_clusters; sys.exit(bool({heavy} & {{*sys.modules}}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
