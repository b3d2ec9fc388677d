"""What papers and teams published, to be shown beside local results; never ranked with them."""

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
        told: what it is: a place, a variant.
        edition: by whose rules it was scored.
        case_set: on which cases; "not told" where the source does not say.
        source: a paper or a repository.
        values: by the platform's column without the region, then by region or "mean".
    """

    team: str
    told: str
    edition: str
    case_set: str
    source: str
    values: Mapping[str, Mapping[str, float]]


def published_results() -> tuple[PublishedResult, ...]:
    """All that is known, in the order of its file."""
    content = tomllib.loads(_RESULTS.read_text(encoding="utf-8"))
    return tuple(PublishedResult(**entry) for entry in content["result"])


def published_beside(edition: str) -> tuple[PublishedResult, ...]:
    """Those of the same challenge, of whatever year: each names its own edition and cases."""
    challenge = EDITIONS[edition].challenge
    return tuple(result for result in published_results() if EDITIONS[result.edition].challenge == challenge)
