"""The files that tuning leaves: tuning.json, cases.csv and, as inference reads it, clusters.json.

tuning.json holds:

- `format`: 1.
- `rules`: `edition`, `objective` (dice or hd95), `mode`, `fill`, `preset`, and the
  `eps` up to which a difference of the objective is none.
- `shares`: `members` gives each member's folder its share of the mean, adding up to
  1, as a manifest takes them; `mean` is the objective with them, without thresholds;
  `equal` and `paper` are `{shares, mean}` beside them (`paper` null where the members
  are other networks); `tried` lists every `{shares, mean}`. With one member the other
  keys hold nothing.
- `worth`: of the thresholds, means of the objective over cases: `before` any, `tuned`
  (in-sample), `left_out` (leave-one-out: each case with the thresholds that the others chose),
  `interval` (95 % of left_out minus before), and `gain`, true where left_out is better
  by more than `eps`. Where it is false, clusters.json holds thresholds of 0.
- `regions`: for `dice` and `hd95_mm`, for each region, the same three means.
- `thresholds`: `removed` and `redefined` name the axes, `global` and `clusters`
  (in the order of clusters.json) hold what was found, written or not: `sizes_mm3`,
  `ratio`, `cases`, and `own`, false where a cluster of fewer than `min_cases` has the
  global ones.
- `silhouettes`: of each number of clusters that was tried.
- `failed`: the reason for each case without scores.
- `provenance`: `weights` (name and manifest's sha256), `splits_sha256`, `cases` (how
  many), `cases_sha256` (of the sorted ids and of what each prediction was made from),
  `versions`.

cases.csv has a line for each case: its cluster, its distance from the centroid, whether
it belongs there, why it has no features, and Dice and HD95 of each region before, tuned
and leave-one-out.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from typing import Final

import numpy as np

from bratseg.inference.out_of_fold import FOLDER
from bratseg.postprocess.clusters import write_clusters
from bratseg.tuning.choice import EPS, MIN_CASES, ChosenPoint
from bratseg.tuning.grid import BECOMES, NOTHING, SCARCE, Point, ThresholdGrid
from bratseg.tuning.run import AssignedCluster, Tuned, clusters_to_apply
from bratseg.tuning.search import Objective
from bratseg.tuning.settings import TuningSettings, TuningTask
from bratseg.weights.folder import CLUSTERS
from bratseval.files.atomic import write_text
from bratseval.files.sha256 import sha256_of_bytes, sha256_of_file

FORMAT: Final = 1
TUNING: Final = "tuning.json"
CASES: Final = "cases.csv"
_OBJECTIVES: Final[tuple[Objective, ...]] = ("dice", "hd95")
_PACKAGES: Final = ("brats-harness", "numpy", "scipy", "scikit-learn", "pyradiomics", "torch")


def write_tuning(task: TuningTask, tuned: Tuned) -> None:
    """Write clusters.json, tuning.json and cases.csv into the task's output; each whole or not at all."""
    provenance = _provenance(task, tuned)
    write_clusters(task.output / CLUSTERS, clusters_to_apply(tuned, task.settings, provenance))
    content = {
        "format": FORMAT,
        "rules": _settings(task.settings),
        "shares": _shares(tuned),
        "worth": _worth(tuned),
        "regions": {
            "dice" if objective == "dice" else "hd95_mm": _means_of_regions(tuned, objective)
            for objective in _OBJECTIVES
        },
        "thresholds": _thresholds(tuned, task.settings.grid),
        "silhouettes": {str(count): value for count, value in tuned.fit.silhouettes.items()},
        "failed": dict(tuned.failed),
        "provenance": provenance,
    }
    write_text(task.output / TUNING, json.dumps(content, indent=1) + "\n")
    write_text(task.output / CASES, _table(tuned))


def _settings(settings: TuningSettings) -> dict[str, object]:
    return {
        "edition": settings.edition.name,
        "objective": settings.objective,
        "mode": settings.grid.mode,
        "fill": settings.grid.fill,
        "preset": settings.preset,
        "eps": EPS[settings.objective],
    }


def _provenance(task: TuningTask, tuned: Tuned) -> dict[str, object]:
    made_from = []
    for case in sorted(case.case for case in tuned.cases):
        for member in tuned.members:
            beside = json.loads((task.output / FOLDER / member / f"{case}.json").read_text("utf-8"))
            made_from.append(json.dumps([case, member, beside], sort_keys=True))
    return {
        "weights": task.weights.name,
        "weights_sha256": task.weights.digest,
        "splits_sha256": sha256_of_file(task.splits),
        "cases": len(tuned.cases),
        "cases_sha256": sha256_of_bytes("".join(made_from).encode()),
        "versions": {name: installed for name in _PACKAGES if (installed := _version(name))},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _shares(tuned: Tuned) -> dict[str, object]:
    means = tuned.shares.means

    def with_mean(shares: Sequence[float] | None) -> dict[str, object] | None:
        return None if shares is None else {"shares": list(shares), "mean": means.get(tuple(shares))}

    members = len(tuned.members)
    equal = next((shares for shares in means if np.allclose(shares, 1 / members)), (1 / members,) * members)
    return {
        "members": dict(zip(tuned.members, tuned.shares.shares, strict=True)),
        "mean": means.get(tuned.shares.shares),
        "equal": with_mean(equal),
        "paper": with_mean(tuned.paper),
        "tried": [with_mean(shares) for shares in means],
    }


def _worth(tuned: Tuned) -> dict[str, object]:
    worth = tuned.choice.worth
    return {
        "before": worth.before,
        "tuned": worth.tuned,
        "left_out": worth.leave_one_out,
        "interval": worth.interval,
        "gain": worth.gain,
    }


def _points(tuned: Tuned) -> Mapping[str, Sequence[Point]]:
    """The point of each case: without thresholds, with those found, and with those found without the case."""
    return {
        "before": [NOTHING] * len(tuned.cases),
        "tuned": tuned.choice.tuned,
        "left_out": tuned.choice.leave_one_out,
    }


def _means_of_regions(tuned: Tuned, objective: Objective) -> dict[str, dict[str, float]]:
    means: dict[str, dict[str, float]] = {region: {} for region in tuned.cases[0].table.regions}
    for stage, points in _points(tuned).items():
        rows = [case.table.at(point, objective) for case, point in zip(tuned.cases, points, strict=True)]
        for region, of_stages in means.items():
            of_stages[stage] = float(np.mean([row[region] for row in rows]))
    return means


def _thresholds(tuned: Tuned, grid: ThresholdGrid) -> dict[str, object]:
    def described(chosen: ChosenPoint) -> dict[str, object]:
        *sizes, ratio = chosen.point
        return {
            "sizes_mm3": [grid.sizes_mm3[size] for size in sizes],
            "ratio": grid.ratios[ratio],
            "cases": chosen.cases,
            "own": chosen.own,
        }

    return {
        "removed": list(grid.removed),
        "redefined": [SCARCE, BECOMES],
        "min_cases": MIN_CASES,
        "global": described(tuned.choice.everyone),
        "clusters": [described(chosen) for chosen in tuned.choice.clusters],
    }


def _table(tuned: Tuned) -> str:
    regions = tuned.cases[0].table.regions
    stages = _points(tuned)
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    values = [f"{objective}_{stage}_{name}" for objective in _OBJECTIVES for stage in stages for name in regions]
    writer.writerow(["case", "cluster", "distance", "belongs", "why_none", *values])
    for i, (case, assigned) in enumerate(zip(tuned.cases, tuned.assigned, strict=True)):
        scores = [
            repr(value)
            for objective in _OBJECTIVES
            for points in stages.values()
            for value in case.table.at(points[i], objective).values()
        ]
        writer.writerow([case.case, *_cluster_cells(assigned), case.reason, *scores])
    return text.getvalue()


def _cluster_cells(assigned: AssignedCluster) -> tuple[object, ...]:
    if assigned.cluster is None:
        return "", "", "no"
    return assigned.cluster, repr(assigned.distance), "yes" if assigned.belongs else "no"
