"""GoAT of 2024 and 2025, which scores each case by the rules of its cohort: one edition for each cohort.

Not in the table, because unknown: which cohort a case belongs to (the platform's mapping
file was never published).
"""

from dataclasses import replace
from typing import Final

from bratseval.challenge.editions_2023_2025 import LESIONWISE
from bratseval.challenge.rules import Edition, RequiredGrid
from bratseval.challenge.sources import ID_GOAT, PLATFORM_2024, PLATFORM_2025, SRI24_ANYWHERE


def _cohort(year: int, cohort: str, entry: Edition, platform: str, required_grid: RequiredGrid | None) -> Edition:
    """GoAT's cases of one cohort: the cohort's rules, GoAT's names of files (goat-validation-phase.cwl)."""
    return replace(
        entry,
        name=f"goat-{year}-{cohort}",
        challenge="goat",
        year=year,
        cohort=cohort,
        title=f"BraTS {year} GoAT, cohort {cohort.upper()}",
        case_id=ID_GOAT,
        reference_end="-seg",
        required_grid=required_grid,
        sources=(entry.sources[0], platform),
    )


# score.py @634548a: the script of 2023 by each case's cohort; it knows these five, which of them occur is unknown
_GOAT_2024: Final = tuple(
    _cohort(2024, cohort, LESIONWISE[f"{cohort}-2023"], PLATFORM_2024, SRI24_ANYWHERE)
    for cohort in ("gli", "ssa", "ped", "men", "met")
)
# score.py of 2025: the same with the scripts of 2025. PED means its renumbered labels there (1 is ET), while GoAT's
# are 1 NCR, 2 ED, 3 ET; whether the platform renumbered the references of that cohort is unknown.
_GOAT_2025: Final = tuple(
    _cohort(2025, cohort, LESIONWISE[name], PLATFORM_2025, None)
    for cohort, name in (
        ("gli", "gli-2025"),
        ("ssa", "ssa-2025"),
        ("ped", "ped-2025"),
        ("men", "men-2025"),
        ("met", "met-2025-lesionwise"),
    )
)

GOAT: Final = {entry.name: entry for entry in (*_GOAT_2024, *_GOAT_2025)}
