"""The table of editions: complete, sourced, and as the rules' own pages have it."""

import re

import pytest

from bratseval.challenge import EDITIONS, LABEL_NAMES, Edition, edition
from bratseval.errors import InputError

# Challenges of each year on the platform; MEN became MEN-RT in 2024 and came back beside it in 2025. The evaluator of
# 2026 has rules for GLI, MEN and MEN-RT too, which no task of that year used.
CHALLENGES = {
    2023: {"gli", "ssa", "ped", "men", "met"},
    2024: {"gli", "ssa", "ped", "men-rt", "met"},
    2025: {"gli", "ssa", "ped", "men", "men-rt", "met"},
    2026: {"ped", "met", "goat", "gli", "men", "men-rt"},
}
ALL = [pytest.param(entry, id=name) for name, entry in EDITIONS.items()]


@pytest.mark.parametrize("year", CHALLENGES)
def test_each_challenge_of_a_year_is_there(year: int) -> None:
    there = {name.removesuffix(f"-{year}") for name in EDITIONS if name.endswith(f"-{year}")}
    assert there == CHALLENGES[year]


@pytest.mark.parametrize("entry", ALL)
def test_an_edition_is_found_by_its_name_and_says_where_it_is_from(entry: Edition) -> None:
    assert edition(entry.name) is entry
    assert all(
        "@" in source or "PyPI" in source or "thread" in source or "GaNDLF" in source for source in entry.sources
    )


@pytest.mark.parametrize("entry", ALL)
def test_every_region_is_made_of_labels_that_have_names(entry: Edition) -> None:
    for rules in (*entry.regions.values(), *entry.unscored.values()):
        assert rules.labels <= set(entry.labels)


@pytest.mark.parametrize("entry", ALL)
def test_lesions_are_joined_through_regions_of_one_label_that_are_there(entry: Edition) -> None:
    known = {**entry.regions, **entry.unscored}
    for rules in entry.regions.values():
        assert all(len(known[name].labels) == 1 for name in rules.joined_through)


@pytest.mark.parametrize("entry", ALL)
def test_rules_of_instances_are_where_they_are_needed(entry: Edition) -> None:
    assert (entry.one_to_one is not None) == (entry.family == "instances-2026")


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("gli-2023", ("BraTS-GLI-00001-000.nii.gz", "BraTS-GLI-00001-000-seg.nii.gz")),
        ("gli-2025", ("BraTS-GLI-02062-100.nii.gz", "BraTS-GLI-02062-100-seg.nii.gz")),
        ("men-rt-2024", ("BraTS-MEN-RT-0001-1.nii.gz", "BraTS-MEN-RT-0001-1_gtv.nii.gz")),
        ("met-2025", ("00132-000.nii.gz", "BraTS-MET-00132-000-seg.nii.gz")),
        ("met-2026", ("BraTS-MET-12345-100.nii.gz", "BraTS-MET-12345-100-seg.nii.gz")),
        ("goat-2026", ("BraTS-GoAT-00001.nii.gz", "BraTS-GoAT-00001-seg.nii.gz")),
        ("goat-2025-men", ("BraTS-GoAT-00001.nii.gz", "BraTS-GoAT-00001-seg.nii.gz")),
    ],
)
def test_ids_are_found_in_names_of_files(name: str, files: tuple[str, str]) -> None:
    rules = edition(name)
    prediction = re.search(rf"({rules.case_id})\.nii\.gz$", files[0])
    reference = re.search(rf"({rules.case_id}){rules.reference_end}\.nii\.gz$", files[1])
    assert prediction is not None
    assert reference is not None
    assert prediction[1] == reference[1]


def test_numbers_of_the_announcements_and_scripts() -> None:
    def numbers(name: str, region: str) -> tuple[object, ...]:
        rules = edition(name)
        of_region = rules.regions[region]
        return of_region.merge_steps, of_region.small_mm3, rules.penalty_mm, rules.filter_unit

    # contract of the rules, table 4.1
    assert numbers("ssa-2023", "WT") == (3, 50.0, 374.0, None)
    assert numbers("met-2023", "ET") == (1, 2.0, 374.0, None)
    assert [numbers("gli-2024", region)[:2] for region in ("ET", "NETC", "RC", "SNFH", "WT", "TC")] == [
        (3, 10.0),
        (5, 20.0),
        (5, 20.0),
        (3, 20.0),
        (3, 20.0),
        (3, 20.0),
    ]
    assert numbers("gli-2025", "WT")[2:] == (337.0, "voxels")
    assert numbers("ped-2024", "CC") == (5, 10.0, 374.0, "voxels")
    assert numbers("met-2025-lesionwise", "RC") == (1, 2.0, "image diagonal", "voxels")
    assert numbers("men-rt-2025", "GTV") == (1, 50.0, "image diagonal", "mm3")
    assert numbers("men-2025", "TC") == (1, 50.0, 374.0, None)
    rules = edition("met-2026").one_to_one
    assert rules is not None
    assert (rules.vol_threshold_mm3, rules.overlap_threshold) == (27.0, 0.2)
    assert edition("met-2026").penalty_mm == 373.0


def test_the_penalty_is_a_number_or_the_diagonal_in_voxels() -> None:
    assert edition("gli-2024").penalty_for((10, 10, 10)) == 337.0
    # 2^2 + 3^2 + 6^2 = 7^2
    assert edition("men-rt-2024").penalty_for((2, 3, 6)) == 7.0


def test_sizes_were_checked_until_2024() -> None:
    gli_2023, gli_2024 = edition("gli-2023").required_grid, edition("gli-2024").required_grid
    assert gli_2023 is not None
    assert gli_2024 is not None
    assert (gli_2023.shape, gli_2024.shape) == ((240, 240, 155), (182, 218, 182))
    assert gli_2023.qform is not None
    assert gli_2023.qform[1] == (0, -1, 0, 239)
    assert gli_2024.qform is edition("men-rt-2024").required_grid is edition("gli-2025").required_grid is None


def test_goat_names_the_cohorts_it_is_scored_by() -> None:
    with pytest.raises(InputError, match=r"goat-2025: .* expected one of goat-2025-gli, .*goat-2025-met\."):
        edition("goat-2025")
    men = edition("goat-2025-men")
    assert (men.regions, men.case_id) == (edition("men-2025").regions, r"\d{5}")
    assert edition("goat-2024-ssa").family == "lesionwise-2023"


def test_labels_were_renumbered_for_children_in_2024() -> None:
    assert edition("ped-2023").labels == LABEL_NAMES
    assert edition("ped-2024").labels == {1: "ET", 2: "NETC", 3: "CC", 4: "ED"}
