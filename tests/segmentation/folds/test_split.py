"""Folds hold their share of every stratum, no patient is in two of them, and a leak does not go unseen."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bratseg.folds.balance import balances, random_folds, split_patients
from bratseg.folds.split import (
    NO_FEATURES,
    assign_folds,
    counts_of,
    fold_problems,
    patients_of,
    splits_of,
    strata_of,
    uneven,
)
from bratseval.errors import InputError


def named(number: int) -> list[str]:
    return [f"case-{i:03d}" for i in range(number)]


def problems_of(fold_of: Sequence[int], patients: Sequence[str], folds: int) -> list[str]:
    cases = named(len(fold_of))
    return fold_problems(splits_of(cases, fold_of, folds), cases, patients)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=9), st.integers(2, 6), st.integers(0, 5))
def test_where_each_patient_has_one_case_every_fold_has_the_exact_share(
    sizes: list[int], folds: int, seed: int
) -> None:
    strata = [stratum for stratum, size in enumerate(sizes) for _ in range(size)]
    if len(strata) < folds:
        strata += [0] * (folds - len(strata))
    fold_of = assign_folds(strata, named(len(strata)), folds, seed)
    for counts in counts_of(strata, fold_of, folds).values():
        assert counts.max() - counts.min() <= 1  # the share, rounded up or down
    sizes_of_folds = np.bincount(fold_of, minlength=folds)
    assert sizes_of_folds.max() - sizes_of_folds.min() <= 1
    assert problems_of(fold_of, named(len(strata)), folds) == []
    assert uneven(strata, fold_of, folds) == []


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_no_patient_is_in_two_folds_however_many_time_points_there_are(data: st.DataObject) -> None:
    points = data.draw(st.lists(st.integers(1, 6), min_size=5, max_size=60))
    patients = [f"p{patient}" for patient, number in enumerate(points) for _ in range(number)]
    strata = data.draw(st.lists(st.integers(-1, 5), min_size=len(patients), max_size=len(patients)))
    fold_of = assign_folds(strata, patients, 5, seed=data.draw(st.integers(0, 3)))
    assert problems_of(fold_of, patients, 5) == []
    assert split_patients(patients, fold_of) == 0


def test_a_cohort_like_gli_2024_is_within_one_case_of_every_share() -> None:
    # 613 patients of 1 to 8 time points, most of one cluster with some cases of others
    generator = np.random.default_rng(0)
    points = generator.choice([1, 2, 3, 4, 5, 6, 8], 613, p=[0.45, 0.25, 0.12, 0.08, 0.05, 0.03, 0.02])
    kinds = generator.choice(8, 613, p=[0.3, 0.2, 0.15, 0.12, 0.1, 0.07, 0.04, 0.02])
    patients = [f"p{patient}" for patient, number in enumerate(points) for _ in range(number)]
    strata = [int(kinds[int(p[1:])]) if generator.random() < 0.6 else int(generator.integers(8)) for p in patients]
    fold_of = assign_folds(strata, patients, 5)
    assert uneven(strata, fold_of, 5) == []
    assert split_patients(patients, fold_of) == 0
    # random folds do neither
    even = balances(strata, fold_of, 5, draws=200)
    assert max(balance.largest for balance in even.values()) <= 1
    assert min(balance.random_largest[0] for balance in even.values()) > 2
    drawn = [split_patients(patients, folds.tolist()) for folds in random_folds(len(patients), 5, draws=20)]
    assert min(drawn) > 200


def test_a_stratum_that_large_patients_make_uneven_is_reported() -> None:
    # ten cases of a stratum, five of them one patient's: its fold has 5, the share is 2
    patients = ["a"] * 5 + [f"p{i}" for i in range(5)] + [f"q{i}" for i in range(20)]
    strata = [0] * 10 + [1] * 20
    fold_of = assign_folds(strata, patients, 5)
    assert uneven(strata, fold_of, 5) == [f"stratum 0: fold {fold_of[0]} has 5 cases, its share is 2.0"]
    assert counts_of(strata, fold_of, 5)[0].tolist().count(5) == 1
    assert sorted(counts_of(strata, fold_of, 5)[0].tolist()) == [1, 1, 1, 2, 5]


def test_the_seed_decides_and_nothing_else() -> None:
    strata, patients = [0] * 12 + [1] * 9, named(21)
    assert assign_folds(strata, patients, 5, seed=1) == assign_folds(strata, patients, 5, seed=1)
    assert assign_folds(strata, patients, 5, seed=1) != assign_folds(strata, patients, 5, seed=2)
    # whatever order the cases come in, a patient's fold is the same
    order = np.random.default_rng(0).permutation(21)
    shuffled = assign_folds([strata[i] for i in order], [patients[i] for i in order], 5, seed=1)
    assert shuffled == [assign_folds(strata, patients, 5, seed=1)[i] for i in order]


@pytest.mark.parametrize(("folds", "patients"), [(1, 4), (0, 4), (5, 4), (2, 1), (2, 0)])
def test_more_folds_than_patients_are_refused(folds: int, patients: int) -> None:
    with pytest.raises(InputError, match=f"folds: {folds} of {patients} patients can't be made"):
        assign_folds([0] * 2 * patients, named(patients) * 2, folds)


def test_a_planted_leak_is_seen() -> None:
    cases, patients = ["a-0", "a-1", "b", "c", "d"], ["a", "a", "b", "c", "d"]
    assert fold_problems(splits_of(cases, [0, 0, 1, 1, 2], 3), cases, patients) == []
    # the second time point of a in another fold: each of both folds trains on the patient that it validates on
    assert fold_problems(splits_of(cases, [0, 1, 1, 1, 2], 3), cases, patients) == [
        "fold 0: patient a is trained on and validated on",
        "fold 1: patient a is trained on and validated on",
    ]


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda splits: splits[0]["train"].append("a"), "fold 0: a is listed 2 times"),
        (lambda splits: splits[0]["train"].append("a"), "fold 0: patient a is trained on and validated on"),
        (lambda splits: splits[1]["train"].remove("a"), "fold 1: a is in neither part"),
        (lambda splits: splits[0]["train"].append("e"), "fold 0: e is not one of the cases"),
        (lambda splits: splits[0]["val"].remove("a"), "a is validated on 0 times"),
        (lambda splits: splits[1]["val"].append("a"), "a is validated on 2 times"),
        (lambda splits: splits.append({"train": list("abcd"), "val": []}), "fold 2: validates on nothing"),
    ],
)
def test_splits_that_are_no_cross_validation_are_seen(spoil: object, problem: str) -> None:
    splits = splits_of(list("abcd"), [0, 0, 1, 1], 2)
    assert splits == [{"train": ["c", "d"], "val": ["a", "b"]}, {"train": ["a", "b"], "val": ["c", "d"]}]
    assert fold_problems(splits, list("abcd"), list("abcd")) == []
    spoil(splits)
    assert problem in fold_problems(splits, list("abcd"), list("abcd"))


def test_a_stratum_that_is_more_than_a_case_off_its_share_is_reported() -> None:
    strata = [0] * 10 + [1] * 3
    # shares 2 and 0.6; three cases of stratum 0 in fold 1 are one above, stratum 1 is too small to ask
    assert uneven(strata, [0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 0, 0, 0], 5) == []
    assert uneven(strata, [0, 0, 1, 1, 1, 1, 2, 2, 3, 4, 0, 0, 0], 5) == [
        "stratum 0: fold 1 has 4 cases, its share is 2.0"
    ]
    assert uneven(strata, [0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 0, 0, 0], 5) == [
        "stratum 0: fold 4 has 0 cases, its share is 2.0"
    ]


def test_patients_are_recognised_by_brats_ids_and_by_no_others() -> None:
    assert patients_of(["BraTS-GLI-00005-100", "BraTS-GLI-00005-101", "BraTS-SSA-00005-000"]) == [
        "BraTS-GLI-00005",
        "BraTS-GLI-00005",
        "BraTS-SSA-00005",
    ]
    others = ["BraTS2021_00005", "ucsf-12-001", "BraTS-GLI-00005", "BraTS-GLI-00005-100-a", "BraTS-GLI-5-100"]
    assert patients_of(others) == others


def test_small_clusters_go_to_their_nearest_neighbour_smallest_first() -> None:
    # on a line: cluster 0 at 0, 1 at 10, 2 at 11, 3 at 3
    centroids = np.array([[0.0], [10.0], [11.0], [3.0]])
    clusters = [0] * 6 + [1] * 4 + [2] * 2 + [3] * 1 + [NO_FEATURES] * 2
    strata = strata_of(clusters, centroids, folds=5)
    # 3 (one case) goes to 0, three away; 2 (two cases) to 1, which has six then and stays
    assert strata.merged == {3: 0, 2: 1}
    assert strata.of_case == (*[0] * 6, *[1] * 6, 0, NO_FEATURES, NO_FEATURES)


def test_a_cluster_that_took_another_and_is_still_small_is_merged_with_it() -> None:
    centroids = np.array([[0.0], [10.0], [11.0]])
    strata = strata_of([0] * 9 + [1] * 2 + [2], centroids, folds=5)
    assert strata.merged == {2: 0, 1: 0}
    assert strata.of_case == (0,) * 12
    # where all are small, one stratum is left
    assert set(strata_of([0, 0, 1, 1, 2], centroids, folds=5).of_case) == {1}
    assert strata_of([NO_FEATURES] * 3, centroids, folds=5).of_case == (NO_FEATURES,) * 3


def test_balance_gives_what_random_folds_would_have() -> None:
    # two strata of 4 and 1 in two folds: shares 2 and 0.5
    even = balances([0, 0, 0, 0, 1], [0, 0, 1, 1, 0], 2, draws=400)
    assert even[0].counts.tolist() == [2, 2]
    assert (even[0].share, even[0].largest) == (2.0, 0.0)
    # parts of 3 and 2 cases: stratum 1's is in the first 3 times of 5, which leaves 2 + 2; otherwise 3 + 1
    assert even[0].random_largest == (0.0, 1.0)
    assert even[1].random_interval == (0.0, 1.0)
    for drawn in random_folds(5, 2, draws=10):
        assert sorted(np.bincount(drawn).tolist()) == [2, 3]
