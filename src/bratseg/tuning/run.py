"""Tuning from cases to files: out-of-fold predictions, shares, clusters, thresholds, and what they are worth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bratseg.inference.config import read_config
from bratseg.inference.out_of_fold import FoldEngine, LoadFold, OutOfFold, predict_out_of_fold
from bratseg.inference.splits import fold_of_cases, read_splits
from bratseg.postprocess.clusters import Clusters
from bratseg.postprocess.fit_clusters import ClusterFit, clusters_from, fit_clusters
from bratseg.radiomics.feature_names import FEATURE_NAMES, PRESETS
from bratseg.radiomics.projection import project
from bratseg.tuning.cases import GRID, Row, Rules, each_case, row_of_case, shares_of_case
from bratseg.tuning.choice import Choice, choose
from bratseg.tuning.grid import NOTHING
from bratseg.tuning.shares import ShareChoice, Shares, choose_shares, share_grid
from bratseg.weights.folder import Weights
from bratseval.errors import InputError
from bratseval.files.cases import Case


@dataclass(frozen=True, eq=False)
class Tuned:
    """All that was found.

    Attributes:
        members: their folders' names, in the order of every share.
        paper: the paper's shares in that order, where the members are its two networks.
        rows: one for each case that has a score.
        assigned: each row's cluster, counted from 0; None where it has no features.
        distances: to the centroid of it; infinite where there is none.
        belongs: whether inference would give it that cluster's thresholds.
        failed: the reason for each case that was left out.
    """

    members: tuple[str, ...]
    shares: ShareChoice
    paper: Shares | None
    rows: tuple[Row, ...]
    assigned: tuple[int | None, ...]
    distances: tuple[float, ...]
    belongs: tuple[bool, ...]
    fit: ClusterFit
    choice: Choice
    answered: OutOfFold
    failed: Mapping[str, str]


def tune(
    cases: Sequence[Case],
    weights: Weights,
    splits: Path,
    output: Path,
    rules: Rules,
    load: LoadFold,
    *,
    mirroring: bool,
    tile_step: float,
    jobs: int,
    on_step: Callable[[str], None] = lambda _: None,
) -> Tuned:
    """Find shares, clusters and thresholds from out-of-fold predictions, which are left in `output`.

    A case that fails in any step is left out of those after it and named.

    Args:
        load: gives one fold of a member, ready on its device.
        jobs: processes for everything but the networks.
        on_step: told what is being done.

    Raises:
        InputError: a case has no reference, the splits leak or lack a case, a member
            lacks a fold, or there are not enough cases left to fit anything.
    """
    _check_references(cases)
    folds = fold_of_cases(read_splits(splits), [case.id for case in cases], splits)
    answered = predict_out_of_fold(
        weights,
        cases,
        folds,
        output,
        FoldEngine(load, mirroring, tile_step),
        lambda member, case, told: on_step(f"{member}: {case}: {told}"),
    )
    failed = dict(answered.failed)
    members = tuple(member.path.name for member in weights.members)
    paper = _paper(weights)
    on_step("shares of the members")
    shares = _shares([case for case in cases if case.id not in failed], output, members, rules, paper, jobs, failed)
    on_step(f"features and scores of {len(cases) - len(failed)} cases")
    work = partial(row_of_case, output=output, members=members, rules=rules, shares=shares.shares)
    left = [case for case in cases if case.id not in failed]
    rows = tuple(row for _, row in each_case(work, left, jobs, failed))
    on_step("clusters and thresholds")
    fit, assigned, distances = _clusters(rows, rules)
    limits = [np.inf if own is None else fit.distance_limits[own] for own in assigned]
    belongs = tuple(distance <= limit for distance, limit in zip(distances, limits, strict=True))
    choice = choose([row.table for row in rows], assigned, belongs, rules.objective, GRID)
    return Tuned(members, shares, paper, rows, assigned, distances, belongs, fit, choice, answered, failed)


def clusters_of(tuned: Tuned, rules: Rules, provenance: Mapping[str, object]) -> Clusters:
    """What inference applies: the thresholds found if they are worth it, else none."""
    gain = tuned.choice.worth.gain
    thresholds = [
        GRID.thresholds(chosen.point if gain else NOTHING, rules.mode)
        for chosen in (*tuned.choice.clusters, tuned.choice.everyone)
    ]
    return clusters_from(
        tuned.fit, thresholds[:-1], thresholds[-1], mode=rules.mode, fill=rules.fill, provenance=provenance
    )


def _check_references(cases: Sequence[Case]) -> None:
    missing = [case.id for case in cases if case.reference is None]
    if missing:
        raise InputError(
            "\n".join(
                f"{case}: has no reference, expected a file that ends in -seg.nii.gz. Add it." for case in missing
            )
        )


def _paper(weights: Weights) -> Shares | None:
    paper = read_config().shares
    networks = [member.description.network for member in weights.members]
    return tuple(paper[network] for network in networks) if sorted(networks) == sorted(paper) else None


def _shares(
    cases: Sequence[Case],
    output: Path,
    members: Sequence[str],
    rules: Rules,
    paper: Shares | None,
    jobs: int,
    failed: dict[str, str],
) -> ShareChoice:
    grid = share_grid(len(members))
    if len(grid) == 1:
        return ShareChoice(grid[0], {})
    tried = (*grid, *([paper] if paper else []))
    work = partial(shares_of_case, output=output, members=members, rules=rules, tried=tried)
    scores = [score for _, score in each_case(work, cases, jobs, failed)]
    if not scores:
        raise InputError(_told("no case has a score", failed))
    table = np.array(scores)
    found = choose_shares(grid, table[:, : len(grid)], rules.objective)
    return ShareChoice(found.shares, dict(zip(tried, table.mean(axis=0).tolist(), strict=True)))


def _clusters(rows: Sequence[Row], rules: Rules) -> tuple[ClusterFit, tuple[int | None, ...], tuple[float, ...]]:
    """The fit, each row's cluster, and how far it is from its centroid."""
    known = [row for row in rows if row.features is not None]
    if len(known) < 2:
        raise InputError(
            _told(f"{len(known)} cases have features, expected two at least", {r.case: r.reason for r in rows})
        )
    fit = fit_clusters(np.array([row.features for row in known]), PRESETS[rules.preset])
    chosen = [i for i, name in enumerate(FEATURE_NAMES) if name in set(fit.names)]
    points = project(np.array([row.features for row in known])[:, chosen], fit.scaler, fit.components)
    far = np.linalg.norm(points - fit.centroids[fit.assigned], axis=1)
    places = {
        row.case: (own, distance) for row, own, distance in zip(known, fit.assigned.tolist(), far.tolist(), strict=True)
    }
    assigned = tuple(places.get(row.case, (None, np.inf))[0] for row in rows)
    return fit, assigned, tuple(places.get(row.case, (None, np.inf))[1] for row in rows)


def _told(what: str, reasons: Mapping[str, str]) -> str:
    lines = [f"  {case}: {reason}" for case, reason in reasons.items() if reason]
    return "\n".join([f"tuning: {what}. Correct what the cases say:", *lines])
