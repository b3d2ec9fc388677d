"""Cross-validation folds: as many cases of every stratum in each, no patient in two of them. Pure; no file is opened.

The strata are clusters of radiomic features (arXiv 2412.04111: "equal samples from each
cluster make each of five folds"). Cases are assigned patient by patient. Where every patient
has one case, each fold gets each stratum's share exactly, rounded up or down.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bratseg.folds.assign import TOLERANCE, Counts, spread_profiles
from bratseg.radiomics.projection import Numbers
from bratseval.errors import UsageError

NO_FEATURES: Final = -1  # the stratum of cases that have none
# BraTS ids since 2023: BraTS-GLI-00005-100 is patient 00005 at time point 100
_BRATS_ID: Final = re.compile(r"(BraTS-[A-Za-z]+-\d{5})-\d{3}")


@dataclass(frozen=True)
class Strata:
    """What is spread evenly: clusters, small ones merged into their nearest neighbour.

    Attributes:
        of_case: each case's stratum: a cluster's number, or NO_FEATURES.
        merged: small cluster -> the cluster that took its cases.
    """

    of_case: tuple[int, ...]
    merged: Mapping[int, int]


def patients_of(cases: Sequence[str]) -> list[str]:
    """Each case's patient: a BraTS id without its time point; every other case is a patient of its own."""
    return [match[1] if (match := _BRATS_ID.fullmatch(case)) else case for case in cases]


def check_folds(folds: int, patients: Sequence[str]) -> None:
    """Refuse a number of folds that cannot be made.

    Raises:
        UsageError: there are fewer patients than folds, or fewer than two folds.
    """
    most = len(set(patients))
    if not 2 <= folds <= most:
        raise UsageError(
            f"folds: {folds} of {most} patients can't be made, expected from 2 to one a patient. Correct --folds."
        )


def strata_of(clusters: Sequence[int], centroids: Numbers, folds: int) -> Strata:
    """Clusters with fewer cases than folds merged, smallest first, into the one whose centroid is nearest.

    Args:
        clusters: each case's cluster, counted from 0; NO_FEATURES stays what it is.
        centroids: (clusters, components).
    """
    members = Counter(cluster for cluster in clusters if cluster != NO_FEATURES)
    merged: dict[int, int] = {}
    while len(members) > 1:
        smallest = min(members, key=lambda cluster: (members[cluster], -cluster))
        if members[smallest] >= folds:
            break
        others = sorted(members.keys() - {smallest})
        distances = np.linalg.norm(centroids[others] - centroids[smallest], axis=1)
        target = others[int(distances.argmin())]
        members[target] += members.pop(smallest)
        merged |= dict.fromkeys((smallest, *(old for old, new in merged.items() if new == smallest)), target)
    return Strata(tuple(merged.get(cluster, cluster) for cluster in clusters), merged)


def assign_folds(strata: Sequence[int], patients: Sequence[str], folds: int, seed: int = 0) -> list[int]:
    """Each case's fold, counted from 0: every stratum spread evenly, every patient in one fold.

    Where every patient has one case, a fold has a stratum's share rounded up or down, and
    folds differ by one case at most. Patients with several cases are placed first, the
    largest first, and swapped as long as that evens strata out. `uneven` lists the strata
    that are then still uneven.

    Args:
        seed: decides which of patients that are alike goes where.

    Raises:
        UsageError: there are fewer patients than folds, or fewer than two folds.
    """
    check_folds(folds, patients)
    groups = _groups(patients)
    names = sorted(set(strata))
    by_profile = _patients_by_profile(groups, strata, names)
    profiles = np.array(list(by_profile), dtype=np.int64).reshape(len(by_profile), len(names))
    generator = np.random.default_rng(seed)
    placed = spread_profiles(profiles, [len(members) for members in by_profile.values()], folds, generator)
    order = generator.permutation(folds)  # so that it is not always the same fold that has a case more
    fold_of = [0] * len(strata)
    for members, numbers in zip(by_profile.values(), placed.tolist(), strict=True):
        drawn = generator.permutation(np.array(members, dtype=object))
        for patient, fold in zip(drawn, np.repeat(order, numbers), strict=True):
            for case in groups[patient]:
                fold_of[case] = int(fold)
    return fold_of


def splits_of(cases: Sequence[str], fold_of: Sequence[int], folds: int) -> list[dict[str, list[str]]]:
    """nnU-Net's splits: for each fold the cases it trains on and those it validates on, by name."""
    pairs = sorted(zip(cases, fold_of, strict=True))
    return [
        {"train": [case for case, own in pairs if own != fold], "val": [case for case, own in pairs if own == fold]}
        for fold in range(folds)
    ]


def fold_problems(
    splits: Sequence[Mapping[str, Sequence[str]]], cases: Sequence[str], patients: Sequence[str]
) -> list[str]:
    """What makes splits unfit for a cross-validation, in words; nothing where all is well.

    Every case must be validated on once, trained on in all other folds, and never be
    validated on by a model that was trained on the same patient.
    """
    patient_of = dict(zip(cases, patients, strict=True))
    problems = []
    for fold, split in enumerate(splits):
        train, val = split["train"], split["val"]
        listed = Counter([*train, *val])
        problems += [f"fold {fold}: {case} is not one of the cases" for case in listed if case not in patient_of]
        problems += [f"fold {fold}: {case} is listed {n} times" for case, n in listed.items() if n > 1]
        problems += [f"fold {fold}: {case} is in neither part" for case in cases if case not in listed]
        problems += [] if val else [f"fold {fold}: validates on nothing"]
        known = {patient_of[case] for case in train if case in patient_of}
        leaks = sorted({patient_of[case] for case in val if case in patient_of} & known)
        problems += [f"fold {fold}: patient {patient} is trained on and validated on" for patient in leaks]
    validated = Counter(case for split in splits for case in split["val"])
    problems += [f"{case} is validated on {validated[case]} times" for case in cases if validated[case] != 1]
    return problems


def counts_of(strata: Sequence[int], fold_of: Sequence[int], folds: int) -> Mapping[int, Counts]:
    """For each stratum, in order, its number of cases in each fold (folds,)."""
    own, fold = np.array(strata, dtype=np.int64), np.array(fold_of, dtype=np.int64)
    return {name: np.bincount(fold[own == name], minlength=folds) for name in sorted(set(strata))}


def uneven(strata: Sequence[int], fold_of: Sequence[int], folds: int) -> list[str]:
    """Each stratum of at least as many cases as folds that some fold has more than one case above or below its share.

    Where a patient has many cases of a stratum, there may be no better way.
    """
    lines = []
    for stratum, counts in counts_of(strata, fold_of, folds).items():
        share = counts.sum() / folds
        off = np.abs(counts - share)
        if counts.sum() >= folds and off.max() > TOLERANCE:
            fold = int(off.argmax())
            lines.append(f"stratum {stratum}: fold {fold} has {counts[fold]} cases, its share is {share:.1f}")
    return lines


def _groups(patients: Sequence[str]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for case, patient in enumerate(patients):
        groups.setdefault(patient, []).append(case)
    return groups


def _patients_by_profile(
    groups: Mapping[str, Sequence[int]], strata: Sequence[int], names: Sequence[int]
) -> dict[tuple[int, ...], list[str]]:
    """Patients by their number of cases in every stratum; most cases first."""
    by_profile: dict[tuple[int, ...], list[str]] = {}
    for patient in sorted(groups):
        found = Counter(strata[case] for case in groups[patient])
        by_profile.setdefault(tuple(found[name] for name in names), []).append(patient)
    return dict(sorted(by_profile.items(), key=lambda item: (-sum(item[0]), item[0])))
