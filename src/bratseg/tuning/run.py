"""Tuning from cases to results: out-of-fold predictions, shares, clusters, thresholds, and what they are worth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from bratseg.inference.config import read_config
from bratseg.inference.out_of_fold import FoldEngine, OutOfFold, predict_out_of_fold
from bratseg.inference.splits import fold_of_cases, read_splits
from bratseg.postprocess.clusters import Clusters
from bratseg.postprocess.fit_clusters import ClusterFit, clusters_from, fit_clusters
from bratseg.radiomics.feature_names import FEATURE_NAMES, PRESETS
from bratseg.radiomics.projection import project
from bratseg.tuning.cases import MeasuredCase, StoredPredictions, each_case, measure_case, score_case_shares
from bratseg.tuning.choice import Choice, choose
from bratseg.tuning.grid import NOTHING
from bratseg.tuning.settings import TuningSettings, TuningTask
from bratseg.tuning.shares import ShareChoice, Shares, choose_shares, share_grid
from bratseg.weights.folder import Weights
from bratseval.errors import InputError
from bratseval.files.cases import Case


@dataclass(frozen=True)
class AssignedCluster:
    """Where a case belongs.

    Attributes:
        cluster: counted from 0; None where the case has no features.
        distance: to the cluster's centroid; infinite where there is none.
        belongs: whether inference would give it that cluster's thresholds: it is no outlier.
    """

    cluster: int | None
    distance: float
    belongs: bool


@dataclass(frozen=True, eq=False)
class Tuned:
    """All that was found.

    Attributes:
        members: their folders' names, in the order of every share.
        paper: the paper's shares in that order; None where the members are not its two networks.
        cases: those that have scores.
        assigned: the cluster of each of them.
        failed: the reason for each other case.
    """

    members: tuple[str, ...]
    shares: ShareChoice
    paper: Shares | None
    cases: tuple[MeasuredCase, ...]
    assigned: tuple[AssignedCluster, ...]
    fit: ClusterFit
    choice: Choice
    failed: Mapping[str, str]


def tune(
    task: TuningTask, engine: FoldEngine, *, jobs: int = 1, on_step: Callable[[str], None] = lambda _: None
) -> Tuned:
    """Find shares, clusters and thresholds from out-of-fold predictions.

    A case that fails in any step takes no part in those after it and is named.

    Args:
        engine: loads one fold of a member and says how it predicts.
        jobs: processes for everything but the networks.
        on_step: called with each step in words.

    Raises:
        InputError: a case has no reference, the splits leak or lack a case, a member
            lacks a fold, or there are not enough cases left to fit anything.
    """
    failed = dict(_predict_cases(task, engine, on_step).failed)
    on_step("shares of the members")
    paper = _paper_shares(task.weights)
    shares = _choose_shares(task, paper, jobs, failed)
    left = [case for case in task.cases if case.id not in failed]
    on_step(f"features and scores of {len(left)} cases")
    stored = StoredPredictions(task.output, task.members)
    work = partial(measure_case, stored=stored, settings=task.settings, shares=shares.shares)
    measured = tuple(case for _, case in each_case(work, left, jobs, failed))
    on_step("clusters and thresholds")
    fit, assigned = _assign_clusters(measured, task.settings.preset)
    choice = choose(
        [case.table for case in measured],
        [own.cluster for own in assigned],
        [own.belongs for own in assigned],
        task.settings.objective,
        task.settings.grid,
    )
    return Tuned(task.members, shares, paper, measured, assigned, fit, choice, failed)


def clusters_to_apply(tuned: Tuned, settings: TuningSettings, provenance: Mapping[str, object]) -> Clusters:
    """What inference applies: the thresholds found if they are worth it, else thresholds of 0."""
    grid, gain = settings.grid, tuned.choice.worth.gain
    *own, everyone = (
        grid.thresholds(chosen.point if gain else NOTHING) for chosen in (*tuned.choice.clusters, tuned.choice.everyone)
    )
    return clusters_from(tuned.fit, own, everyone, mode=grid.mode, fill=grid.fill, provenance=provenance)


def _predict_cases(task: TuningTask, engine: FoldEngine, on_step: Callable[[str], None]) -> OutOfFold:
    """Predict every case with the one fold of each member that did not see it, into the task's output."""
    _check_references(task.cases)
    folds = fold_of_cases(read_splits(task.splits), [case.id for case in task.cases], task.splits)

    def report_case(member: str, case: str, outcome: str) -> None:
        on_step(f"{member}: {case}: {outcome}")

    return predict_out_of_fold(task.weights, task.cases, folds, task.output, engine, report_case)


def _check_references(cases: Sequence[Case]) -> None:
    missing = [case.id for case in cases if case.reference is None]
    if missing:
        raise InputError(
            "\n".join(
                f"{case}: has no reference, expected a file that ends in -seg.nii.gz. Add it." for case in missing
            )
        )


def _paper_shares(weights: Weights) -> Shares | None:
    paper = read_config().shares
    networks = [member.description.network for member in weights.members]
    return tuple(paper[network] for network in networks) if sorted(networks) == sorted(paper) else None


def _choose_shares(task: TuningTask, paper: Shares | None, jobs: int, failed: dict[str, str]) -> ShareChoice:
    """The best shares of the grid; those of the paper are scored beside them. Adds to `failed`."""
    grid = share_grid(len(task.members))
    if len(grid) == 1:
        return ShareChoice(grid[0], {})
    tried = (*grid, *([paper] if paper else []))
    stored = StoredPredictions(task.output, task.members)
    work = partial(score_case_shares, stored=stored, settings=task.settings, tried=tried)
    cases = [case for case in task.cases if case.id not in failed]
    scores = [score for _, score in each_case(work, cases, jobs, failed)]
    if not scores:
        raise InputError(_with_reasons("no case has a score", failed))
    table = np.array(scores)
    found = choose_shares(grid, table[:, : len(grid)], task.settings.objective)
    return ShareChoice(found.shares, dict(zip(tried, table.mean(axis=0).tolist(), strict=True)))


def _assign_clusters(cases: Sequence[MeasuredCase], preset: str) -> tuple[ClusterFit, tuple[AssignedCluster, ...]]:
    """Clusters fitted to the cases that have features, and the cluster of every case."""
    rows = [case.features for case in cases if case.features is not None]
    if len(rows) < 2:
        reasons = {case.case: case.reason for case in cases}
        raise InputError(_with_reasons(f"{len(rows)} cases have features, expected two at least", reasons))
    features = np.array(rows)
    fit = fit_clusters(features, PRESETS[preset])
    chosen = [i for i, name in enumerate(FEATURE_NAMES) if name in set(fit.names)]
    points = project(features[:, chosen], fit.scaler, fit.components)
    distances = np.linalg.norm(points - fit.centroids[fit.assigned], axis=1)
    found = iter(zip(fit.assigned.tolist(), distances.tolist(), strict=True))
    assigned = []
    for case in cases:
        if case.features is None:
            assigned.append(AssignedCluster(None, np.inf, belongs=False))
        else:
            cluster, distance = next(found)
            assigned.append(AssignedCluster(cluster, distance, belongs=distance <= fit.distance_limits[cluster]))
    return fit, tuple(assigned)


def _with_reasons(what: str, reasons: Mapping[str, str]) -> str:
    lines = [f"  {case}: {reason}" for case, reason in reasons.items() if reason]
    return "\n".join([f"tuning: {what}. Correct the cases by these reasons:", *lines])
