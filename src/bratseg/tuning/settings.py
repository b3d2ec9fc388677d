"""What decides a tuning: whose scores are to rise, which thresholds and features are tried, on which cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bratseg.tuning.grid import ThresholdGrid
from bratseg.tuning.search import Objective
from bratseg.weights.folder import Weights
from bratseval.challenge import Edition
from bratseval.files.cases import Case


@dataclass(frozen=True)
class TuningSettings:
    """How cases are scored and thresholds applied.

    Attributes:
        edition: of one of the lesion-wise families.
        grid: the thresholds that are tried.
        preset: of the radiomic features, by name.
    """

    edition: Edition
    objective: Objective
    grid: ThresholdGrid
    preset: str


@dataclass(frozen=True, eq=False)
class TuningTask:
    """What is tuned, and where its files lie.

    Attributes:
        cases: training cases, each with its reference.
        splits: the splits_final.json that the folds of `weights` were trained with.
        output: the folder of the out-of-fold predictions and of the results.
    """

    cases: Sequence[Case]
    weights: Weights
    splits: Path
    output: Path
    settings: TuningSettings

    @property
    def members(self) -> tuple[str, ...]:
        """The folders of the members, in the order of every share."""
        return tuple(member.path.name for member in self.weights.members)
