"""What every point of the grid of thresholds scores on one case, without scoring every point."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from bratseg.postprocess.thresholds import Fill, Mode
from bratseg.tuning.component_graph import Nodes, nodes_of
from bratseg.tuning.dilated_components import Reaches, reaches_of
from bratseg.tuning.distances import node_windows
from bratseg.tuning.grid import Grid
from bratseg.tuning.reference import lesions_of
from bratseg.tuning.regions import RegionValues, Tissue, score_region
from bratseg.tuning.states import States, states_of
from bratseval.challenge import Edition
from bratseval.metrics.crop import crop_labels
from bratseval.metrics.mesh_surface import Spacing
from bratseval.scoring.merge_2024 import smallest_kept

Objective = Literal["dice", "hd95"]
Values = NDArray[np.float64]

KEPT: Final = 0
REDEFINED: Final = 1


@dataclass(frozen=True, eq=False)
class CaseTable:
    """What one case scores at every point of a grid.

    Attributes:
        regions: in the edition's order.
        of_sizes: (sizes, sizes, sizes), the state that each triple of sizes leads to.
        redefined: (states, ratios), whether ET is redefined.
        dice, hd95_mm: (2, states, regions), lesion-wise, of each state as it is and redefined.
    """

    regions: tuple[str, ...]
    of_sizes: NDArray[np.int64]
    redefined: NDArray[np.bool_]
    dice: Values
    hd95_mm: Values

    def means(self, objective: Objective) -> Values:
        """(sizes, sizes, sizes, ratios), the mean of all regions at each point."""
        values = self.dice if objective == "dice" else self.hd95_mm
        kept, redefined = values.mean(axis=-1)
        by_ratio = np.where(self.redefined, redefined[:, None], kept[:, None])
        return np.asarray(by_ratio[self.of_sizes])

    def at(self, point: tuple[int, int, int, int], objective: Objective) -> Mapping[str, float]:
        """Each region's value at one point."""
        values = self.dice if objective == "dice" else self.hd95_mm
        state = self.of_sizes[point[:3]]
        row = values[int(self.redefined[state, point[3]]), state]
        return dict(zip(self.regions, row.tolist(), strict=True))


def score_grid(
    prediction: NDArray[np.uint8],
    reference: NDArray[np.generic],
    spacing_mm: Spacing,
    edition: Edition,
    grid: Grid,
    *,
    mode: Mode,
    fill: Fill,
) -> CaseTable:
    """The lesion-wise scores of a prediction after every point's thresholds, equal to `score_case`'s to the last bit.

    Args:
        prediction: labels (x, y, z) as painted, before any post-processing.
        reference: labels (x, y, z), same shape.
        spacing_mm: voxel edges along (x, y, z).
        edition: of one of the lesion-wise families.

    Raises:
        ValueError: the shapes differ, or the edition's family has no lesion-wise mean.
    """
    if prediction.shape != reference.shape or prediction.ndim != 3:
        raise ValueError(f"shapes are {prediction.shape} and {reference.shape}, expected one 3-D shape")
    spacing_mm = (float(spacing_mm[0]), float(spacing_mm[1]), float(spacing_mm[2]))
    rights = lesions_of(reference, spacing_mm, edition)
    pair = crop_labels(prediction, reference, edition)
    nodes = nodes_of(pair.prediction)
    states = states_of(nodes, grid, mode=mode, fill=fill, voxel_mm3=float(np.prod(spacing_mm)))
    tissues = _tissues(nodes, states, spacing_mm, edition)
    windows = node_windows(nodes)
    values = [
        score_region(
            nodes,
            tissues[region],
            [tissues[name] for name in rules.joined_through],
            rights[region],
            (pair.corner, pair.total),
            windows,
            spacing_mm,
            edition.penalty_for(prediction.shape),
            spurious_counted=edition.spurious_counted,
        )
        for region, rules in edition.regions.items()
    ]
    return _table(tuple(edition.regions), states, grid, values)


def _table(regions: tuple[str, ...], states: States, grid: Grid, values: list[RegionValues]) -> CaseTable:
    def stacked(columns: Iterator[Values]) -> Values:
        return np.stack([column.reshape(2, -1) for column in columns], axis=-1)

    return CaseTable(
        regions=regions,
        of_sizes=states.of_sizes,
        redefined=states.ratio[:, None] < np.array(grid.ratios),
        dice=stacked(each.dice for each in values),
        hd95_mm=stacked(each.hd95_mm for each in values),
    )


def _tissues(nodes: Nodes, states: States, spacing_mm: Spacing, edition: Edition) -> Mapping[str, Tissue]:
    """Each region, scored or not, in each state as it is and then in each redefined."""
    labels = np.concatenate([states.kept, states.redefined])
    reaches: dict[int, Reaches] = {}
    tissues = {}
    for name, rules in {**edition.regions, **edition.unscored}.items():
        present = np.isin(labels, list(rules.labels))
        if edition.family == "lesionwise-2023":
            tissues[name] = Tissue(nodes.touching, None, 0.0, present)
            continue
        if rules.merge_steps not in reaches:
            reaches[rules.merge_steps] = reaches_of(nodes, merge_steps=rules.merge_steps)
        reach = reaches[rules.merge_steps]
        tissues[name] = Tissue(reach.near, reach.first, smallest_kept(rules, spacing_mm, edition), present)
    return tissues
