"""The editions of BraTS from 2023 to 2026, by name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from bratseval.challenge.editions_2023_2025 import LESIONWISE
from bratseval.challenge.editions_2026 import ONE_TO_ONE
from bratseval.challenge.editions_goat import GOAT
from bratseval.challenge.ranking import RANKING
from bratseval.challenge.rules import Edition
from bratseval.errors import InputError

EDITIONS: Final[Mapping[str, Edition]] = {
    name: replace(entry, ranking=RANKING.get(name)) for name, entry in {**LESIONWISE, **GOAT, **ONE_TO_ONE}.items()
}


def edition(name: str) -> Edition:
    """The edition of that name.

    Raises:
        InputError: there is none; the message lists those there are.
    """
    if name in EDITIONS:
        return EDITIONS[name]
    cohorts = [other.name for other in EDITIONS.values() if other.cohort and f"{other.challenge}-{other.year}" == name]
    if cohorts:
        raise InputError(
            f"{name}: scores each case by the rules of its cohort, expected one of {', '.join(cohorts)}. "
            "Choose the cohort of the cases."
        )
    raise InputError(f"{name}: is not an edition, expected one of {', '.join(EDITIONS)}. Check the spelling.")
