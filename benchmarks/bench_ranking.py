"""Time of the permutation test and of a whole ranking, against the same test written as loops over pairs and cases.

    python benchmarks/bench_ranking.py [--submissions 20] [--cases 219] [--permutations 100000]

Random values in six columns; two threads at most. The peer swaps case by case in numpy, one pair and one permutation
after the other, as the public scripts do; it runs fewer permutations and is scaled up.
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import TypeVar

THREADS = str(min(2, len(os.sched_getaffinity(0))))
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = THREADS

import numpy as np  # noqa: E402 - the number of threads is read when numpy is loaded

from bratseval.challenge import edition  # noqa: E402
from bratseval.challenge.metrics import platform_names  # noqa: E402
from bratseval.leaderboard import SubmissionScores  # noqa: E402
from bratseval.ranking import RankingSettings, rank  # noqa: E402
from bratseval.ranking.schemes import Array, case_ranks  # noqa: E402
from bratseval.ranking.significance import pairwise_p  # noqa: E402
from bratseval.scoring.result import ScoredCase  # noqa: E402

Result = TypeVar("Result")
METRICS = ("LesionWise_Dice", "LesionWise_Hausdorff95")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=20)
    parser.add_argument("--cases", type=int, default=219)
    parser.add_argument("--permutations", type=int, default=100_000)
    parser.add_argument("--peer-permutations", type=int, default=200)
    arguments = parser.parse_args()
    random = np.random.default_rng(1)
    values = random.random((arguments.submissions, arguments.cases, 6))
    ranked = case_ranks(values, "average")
    ranked = ranked[np.argsort(ranked.mean(axis=1))]

    ours, p = timed(lambda: pairwise_p(ranked, arguments.permutations, 0))
    theirs, loops = timed(lambda: by_loops(ranked, arguments.peer_permutations))
    theirs *= arguments.permutations / arguments.peer_permutations
    off = float(np.nanmax(np.abs(p - loops)))
    pairs = arguments.submissions * (arguments.submissions - 1) // 2
    print(f"{arguments.permutations} permutations of {pairs} pairs over {arguments.cases} cases, {THREADS} threads:")
    print(f"permutation test: {ours:.1f} s; loops: {theirs:.0f} s, scaled up; ratio {theirs / ours:.0f}x")
    print(
        f"largest difference of a p from the loops': {off:.3f} (theirs has {arguments.peer_permutations} permutations)"
    )
    whole, _ = timed(lambda: rank(submissions(values), edition("ssa-2023"), settings(arguments.permutations)))
    print(f"whole ranking (ranks, bootstrap of 2000, each case left out, test): {whole:.1f} s")


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def by_loops(ranked: Array, permutations: int) -> Array:
    """The test as the recipe reads: for every pair, swap ranks on each case by a coin, and count."""
    random = np.random.default_rng(0)
    count, cases = ranked.shape
    p = np.full((count, count), np.nan)
    for a in range(count):
        for b in range(a + 1, count):
            observed = ranked[b].mean() - ranked[a].mean()
            hits = 0
            for _ in range(permutations):
                swap = random.random(cases) < 0.5
                first, second = np.where(swap, ranked[b], ranked[a]), np.where(swap, ranked[a], ranked[b])
                hits += second.mean() - first.mean() >= observed - 1e-12
            p[a, b] = (1 + hits) / (permutations + 1)
    return p


def submissions(values: Array) -> dict[str, SubmissionScores]:
    rules, official = edition("ssa-2023"), {name: key for key, name in platform_names("ssa-2023").items()}
    made = {}
    for number, table in enumerate(values):
        cases = []
        for case, row in enumerate(table):
            regions = {
                region: {official[metric]: float(row[3 * m + r]) for m, metric in enumerate(METRICS)}
                for r, region in enumerate(rules.regions)
            }
            cases.append(ScoredCase(f"case-{case:04}", regions=regions))
        made[f"team/{number}"] = SubmissionScores(rules.name, "edition", {}, tuple(cases))
    return made


def settings(permutations: int) -> RankingSettings:
    return RankingSettings(METRICS, "case-ranks", "worst", permutations=permutations)


if __name__ == "__main__":
    main()
