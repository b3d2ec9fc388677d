"""The cases of a cross-validation: each with its patient, its cluster and its fold."""

from collections.abc import Sequence
from dataclasses import dataclass

from bratseg.folds.split import NO_FEATURES, Strata, assign_folds, strata_of
from bratseg.postprocess.fit_clusters import ClusterFit
from bratseg.radiomics.measure import Measured


@dataclass(frozen=True, eq=False)
class Cohort:
    """Cases and the fold of each; all in one order.

    Attributes:
        patients: each case's patient.
        clusters: each case's cluster before small ones were merged, or NO_FEATURES.
        fold_of: each case's fold, counted from 0.
        folds: how many there are.
        seed: of the clusters and of the assignment.
    """

    measured: tuple[Measured, ...]
    patients: tuple[str, ...]
    clusters: tuple[int, ...]
    strata: Strata
    fold_of: tuple[int, ...]
    folds: int
    seed: int

    @property
    def cases(self) -> list[str]:
        """The cases' ids."""
        return [case.case for case in self.measured]

    @property
    def volumes_ml(self) -> list[list[float]]:
        """For each fold the volumes of the largest lesions, of the cases that have features."""
        volumes: list[list[float]] = [[] for _ in range(self.folds)]
        for case, fold in zip(self.measured, self.fold_of, strict=True):
            if case.features is not None:
                volumes[fold].append(case.features["wt_shape_VoxelVolume"] / 1000)
        return volumes


def make_cohort(
    measured: Sequence[Measured], patients: Sequence[str], fit: ClusterFit, folds: int, seed: int = 0
) -> Cohort:
    """Cases assigned to folds.

    Args:
        patients: each case's.
        fit: of the cases that have features, in their order; the others are a stratum of their own.

    Raises:
        UsageError: there are fewer patients than folds, or fewer than two folds.
    """
    assigned = iter(fit.assigned.tolist())
    clusters = [NO_FEATURES if case.features is None else int(next(assigned)) for case in measured]
    strata = strata_of(clusters, fit.centroids, folds)
    fold_of = assign_folds(strata.of_case, patients, folds, seed)
    return Cohort(tuple(measured), tuple(patients), tuple(clusters), strata, tuple(fold_of), folds, seed)
