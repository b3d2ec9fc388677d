"""The files that tuning leaves: tuning.json, cases.csv and, through `clusters`, clusters.json."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from pathlib import Path
from typing import Final

import numpy as np

from bratseg.inference.out_of_fold import FOLDER
from bratseg.postprocess.clusters import write_clusters
from bratseg.tuning.cases import GRID, Rules
from bratseg.tuning.choice import EPS, MIN_CASES, Chosen
from bratseg.tuning.grid import BECOMES, NOTHING, REMOVED, SCARCE, Point
from bratseg.tuning.run import Tuned, clusters_of
from bratseg.tuning.search import Objective
from bratseg.weights.folder import CLUSTERS, Weights
from bratseval.files.atomic import write_text
from bratseval.files.sha256 import sha256_of_bytes, sha256_of_file

FORMAT: Final = 1
TUNING: Final = "tuning.json"
CASES: Final = "cases.csv"
_OBJECTIVES: Final[tuple[Objective, ...]] = ("dice", "hd95")
_PACKAGES: Final = ("brats-harness", "numpy", "scipy", "scikit-learn", "pyradiomics", "torch")


def write_tuning(output: Path, tuned: Tuned, rules: Rules, weights: Weights, splits: Path) -> None:
    """Write clusters.json, tuning.json and cases.csv; each whole or not at all.

    tuning.json holds:

    - `format`: 1.
    - `rules`: `edition`, `objective` (dice or hd95), `mode`, `fill`, `preset`, and the
      `eps` up to which a difference of the objective is none.
    - `shares`: `members` gives each member's folder its share of the mean, adding up to
      1, as a manifest takes them; `mean` is the objective with them, without thresholds;
      `equal` and `paper` are `{shares, mean}` beside them (`paper` null where the members
      are other networks); `tried` lists every `{shares, mean}`. With one member only
      `members` says anything.
    - `worth`: of the thresholds, means of the objective over cases: `before` any, `tuned`
      (in-sample), `left_out` (each case by thresholds that the others chose), `interval`
      (95 % of left_out minus before), and `gain`, true where left_out is better by more
      than `eps`. Where it is false, clusters.json holds thresholds of 0.
    - `regions`: for `dice` and `hd95_mm`, for each region, the same three means.
    - `thresholds`: `removed` and `redefined` name the axes, `global` and `clusters`
      (in the order of clusters.json) hold what was found, written or not: `sizes_mm3`,
      `ratio`, `cases`, and `own`, false where a cluster of fewer than `min_cases` has the
      global ones.
    - `silhouettes`: of each number of clusters that was tried.
    - `failed`: for each case that was left out, why.
    - `provenance`: `weights` (name and manifest's sha256), `splits_sha256`, `cases` (how
      many), `cases_sha256` (of the sorted ids and of what each answer was made from),
      `versions`.

    cases.csv has a line for each case: its cluster, its distance from the centroid, whether
    it belongs there, and Dice and HD95 of each region before, tuned and left out.
    """
    provenance = _provenance(output, tuned, weights, splits)
    write_clusters(output / CLUSTERS, clusters_of(tuned, rules, provenance))
    content = {
        "format": FORMAT,
        "rules": {
            "edition": rules.edition.name,
            "objective": rules.objective,
            "mode": rules.mode,
            "fill": rules.fill,
            "preset": rules.preset,
            "eps": EPS[rules.objective],
        },
        "shares": _shares(tuned),
        "worth": asdict(tuned.choice.worth),
        "regions": _regions(tuned),
        "thresholds": _thresholds(tuned, rules),
        "silhouettes": {str(count): value for count, value in tuned.fit.silhouettes.items()},
        "failed": dict(tuned.failed),
        "provenance": provenance,
    }
    write_text(output / TUNING, json.dumps(content, indent=1) + "\n")
    write_text(output / CASES, _table(tuned))


def _provenance(output: Path, tuned: Tuned, weights: Weights, splits: Path) -> dict[str, object]:
    made_from = []
    for row in sorted(tuned.rows, key=lambda row: row.case):
        for member in tuned.members:
            told = json.loads((output / FOLDER / member / f"{row.case}.json").read_text("utf-8"))
            made_from.append(json.dumps([row.case, member, told], sort_keys=True))
    return {
        "weights": weights.name,
        "weights_sha256": weights.digest,
        "splits_sha256": sha256_of_file(splits),
        "cases": len(tuned.rows),
        "cases_sha256": sha256_of_bytes("".join(made_from).encode()),
        "versions": {name: told for name in _PACKAGES if (told := _version(name))},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _shares(tuned: Tuned) -> dict[str, object]:
    means = tuned.shares.means

    def told(shares: Sequence[float] | None) -> dict[str, object] | None:
        return None if shares is None else {"shares": list(shares), "mean": means.get(tuple(shares))}

    members = len(tuned.members)
    equal = next((shares for shares in means if np.allclose(shares, 1 / members)), (1 / members,) * members)
    return {
        "members": dict(zip(tuned.members, tuned.shares.shares, strict=True)),
        "mean": means.get(tuned.shares.shares),
        "equal": told(equal),
        "paper": told(tuned.paper),
        "tried": [told(shares) for shares in means],
    }


def _points(tuned: Tuned) -> dict[str, Sequence[Point]]:
    return {
        "before": [NOTHING] * len(tuned.rows),
        "tuned": tuned.choice.tuned,
        "left_out": tuned.choice.left_out,
    }


def _regions(tuned: Tuned) -> dict[str, object]:
    return {
        "dice" if objective == "dice" else "hd95_mm": {
            region: {
                stage: float(
                    np.mean(
                        [row.table.at(point, objective)[region] for row, point in zip(tuned.rows, points, strict=True)]
                    )
                )
                for stage, points in _points(tuned).items()
            }
            for region in tuned.rows[0].table.regions
        }
        for objective in _OBJECTIVES
    }


def _thresholds(tuned: Tuned, rules: Rules) -> dict[str, object]:
    def told(chosen: Chosen) -> dict[str, object]:
        *sizes, ratio = chosen.point
        return {
            "sizes_mm3": [GRID.sizes_mm3[size] for size in sizes],
            "ratio": GRID.ratios[ratio],
            "cases": chosen.cases,
            "own": chosen.own,
        }

    return {
        "removed": list(REMOVED[rules.mode]),
        "redefined": [SCARCE, BECOMES],
        "min_cases": MIN_CASES,
        "global": told(tuned.choice.everyone),
        "clusters": [told(chosen) for chosen in tuned.choice.clusters],
    }


def _table(tuned: Tuned) -> str:
    regions = tuned.rows[0].table.regions
    stages = _points(tuned)
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    values = [f"{objective}_{stage}_{name}" for objective in _OBJECTIVES for stage in stages for name in regions]
    writer.writerow(["case", "cluster", "distance", "belongs", "why_none", *values])
    for i, row in enumerate(tuned.rows):
        own = tuned.assigned[i]
        place = ["", "", "no"] if own is None else [own, repr(tuned.distances[i]), "yes" if tuned.belongs[i] else "no"]
        scores = [
            repr(value)
            for objective in _OBJECTIVES
            for points in stages.values()
            for value in row.table.at(points[i], objective).values()
        ]
        writer.writerow([row.case, *place, row.reason, *scores])
    return text.getvalue()
