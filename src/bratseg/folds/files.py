"""Folds as files: nnU-Net's splits_final.json, and tables of which case is where and how even the folds are."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np

from bratseg.folds.balance import Balance, balances, random_folds, split_patients
from bratseg.folds.cohort import Cohort
from bratseg.folds.split import NO_FEATURES, fold_problems, splits_of
from bratseg.postprocess.fit_clusters import ClusterFit
from bratseg.radiomics.feature_names import EXTRACTOR
from bratseval.files.atomic import write_json
from bratseval.files.csv_table import write_csv

FORMAT: Final = 1


def write_folds(folder: Path, cohort: Cohort, fit: ClusterFit) -> Mapping[int, Balance]:
    """Write splits_final.json, folds.csv, balance.csv and clusters_of_folds.json; returns the balance of the folds.

    Raises:
        ValueError: the folds are no cross-validation; nothing is written.
        OSError: the disk refuses.
    """
    splits = splits_of(cohort.cases, cohort.fold_of, cohort.folds)
    problems = fold_problems(splits, cohort.cases, cohort.patients)
    if problems:
        raise ValueError("\n".join(problems))
    even = balances(cohort.strata.of_case, cohort.fold_of, cohort.folds, seed=cohort.seed)
    write_csv(folder / "folds.csv", ("case", "patient", "cluster", "stratum", "fold"), _rows(cohort))
    _write_balance(folder / "balance.csv", even)
    write_json(folder / "clusters_of_folds.json", _described(cohort, fit))
    write_json(folder / "splits_final.json", splits)
    return even


def _rows(cohort: Cohort) -> list[tuple[object, ...]]:
    columns = (cohort.cases, cohort.patients, cohort.clusters, cohort.strata.of_case, cohort.fold_of)
    return [
        (case, patient, _numbered(cluster), _numbered(stratum), fold)
        for case, patient, cluster, stratum, fold in zip(*columns, strict=True)
    ]


def _numbered(cluster: int) -> int | str:
    return "none" if cluster == NO_FEATURES else cluster


def _write_balance(path: Path, even: Mapping[int, Balance]) -> None:
    folds = len(next(iter(even.values())).counts)
    head = ("stratum", "cases", "share", *(f"fold_{fold}" for fold in range(folds)), "largest_deviation")
    chance = ("random_low", "random_high", "random_largest_median", "random_largest_95quantile")
    rows = [
        (
            _numbered(stratum),
            int(balance.counts.sum()),
            round(balance.share, 6),
            *balance.counts.tolist(),
            *(round(value, 6) for value in (balance.largest, *balance.random_interval, *balance.random_largest)),
        )
        for stratum, balance in even.items()
    ]
    write_csv(path, (*head, *chance), rows)


def _described(cohort: Cohort, fit: ClusterFit) -> dict[str, object]:
    """What the folds were made from, and how the clusters were chosen."""
    chance = random_folds(len(cohort.cases), cohort.folds, seed=cohort.seed)
    split = [split_patients(cohort.patients, drawn.tolist()) for drawn in chance]
    return {
        "format": FORMAT,
        "extractor": EXTRACTOR,
        "preset": fit.preset.name,
        "settings": dict(fit.preset.settings),
        "versions": {name: version(name) for name in ("brats-harness", "numpy", "scikit-learn")},
        "seed": cohort.seed,
        "folds": cohort.folds,
        "cases": len(cohort.cases),
        "patients": len(set(cohort.patients)),
        "features_in_use": len(fit.names),
        "components": len(fit.components.loadings),
        "variance_kept": sum(fit.components.variance_ratio),
        "silhouettes": {str(count): value for count, value in fit.silhouettes.items()},
        "clusters": [
            {"cases": cases, "distance_limit": limit, "centroid": centroid}
            for cases, limit, centroid in zip(fit.cases, fit.distance_limits, fit.centroids.tolist(), strict=True)
        ],
        "merged": {str(small): into for small, into in cohort.strata.merged.items()},
        "without_features": {case.case: case.reason for case in cohort.measured if case.features is None},
        "patients_in_two_folds": split_patients(cohort.patients, cohort.fold_of),
        "patients_in_two_random_folds": float(np.mean(split)),
    }
