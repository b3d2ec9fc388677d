"""Results that papers and teams published, shown beside local results and never ranked with them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bratseval.challenge import EDITIONS

_RESULTS: Final = Path(__file__).with_name("published.toml")


@dataclass(frozen=True)
class PublishedResult:
    """One published result.

    Attributes:
        team: who published it.
        description: which result of theirs it is: a place, a variant.
        edition: the edition whose rules scored it.
        case_set: the cases it was scored on; "cases not stated" if the source does not say.
        source: a paper or a repository.
        values: by the platform's column without the region, then by region or "mean".
    """

    team: str
    description: str
    edition: str
    case_set: str
    source: str
    values: Mapping[str, Mapping[str, float]]


def published_results() -> tuple[PublishedResult, ...]:
    """Every published result, in the order of published.toml."""
    content = tomllib.loads(_RESULTS.read_text(encoding="utf-8"))
    return tuple(PublishedResult(**entry) for entry in content["result"])


def published_beside(edition: str) -> tuple[PublishedResult, ...]:
    """The published results of an edition's challenge, of every year; each names its own edition and cases."""
    challenge = EDITIONS[edition].challenge
    return tuple(result for result in published_results() if EDITIONS[result.edition].challenge == challenge)
