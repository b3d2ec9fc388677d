"""What every point of the grid of thresholds scores on one case, without scoring every point.

From a case to a table (this file), and from the tables of all cases to a choice (`choice`):

    prediction (x, y, z)                                    reference (x, y, z)
        |                                                       |
        | component_graph: components of one label are nodes    | reference_lesions: its lesions,
        v                                                       | dilated, with their surfaces
    graph                                                       |
        |                                                       |
        | variants: a threshold removes whole components, so    |
        |           160,000 points leave a few hundred results  |
        v                                                       |
    variants ----> region_components: which nodes each region   |
        |          has in each variant, which make one lesion   |
        |                        |                              |
        |                        v                              v
        |          regions: each different set of nodes is scored once,
        |                   with distances for HD95
        |                        |
        v                        v
    CaseTable: point -> variant -> Dice and HD95 of each region
        |
        | the means over regions at each point, over all cases and over each cluster
        v
    choice: the smallest thresholds within EPS of the best mean, for all cases and for each
            cluster, and what they are worth on cases that did not take part in choosing
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bratseg.tuning.component_graph import build_graph
from bratseg.tuning.distances import find_node_windows
from bratseg.tuning.grid import Point, ThresholdGrid
from bratseg.tuning.reference_lesions import find_reference_lesions
from bratseg.tuning.region_components import find_region_components
from bratseg.tuning.regions import PredictedCase, RegionValues, score_region
from bratseg.tuning.variants import Variants, find_variants
from bratseval.challenge import Edition
from bratseval.metrics.crop import crop_labels
from bratseval.metrics.mesh_surface import Spacing

Objective = Literal["dice", "hd95"]
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CaseTable:
    """What one case scores at every point of a grid.

    Attributes:
        regions: in the edition's order.
        of_sizes: (sizes, sizes, sizes), the variant that each triple of sizes leads to.
        is_redefined: (variants, ratios), whether ET has become NCR.
        dice, hd95_mm: (2, variants, regions), lesion-wise, of each variant as it is and redefined.
    """

    regions: tuple[str, ...]
    of_sizes: NDArray[np.int64]
    is_redefined: NDArray[np.bool_]
    dice: Values
    hd95_mm: Values

    def means(self, objective: Objective) -> Values:
        """(sizes, sizes, sizes, ratios), the mean over regions at each point."""
        kept, redefined = self._values(objective).mean(axis=-1)
        by_ratio = np.where(self.is_redefined, redefined[:, None], kept[:, None])
        return np.asarray(by_ratio[self.of_sizes])

    def at(self, point: Point, objective: Objective) -> Mapping[str, float]:
        """Each region's value at one point."""
        variant = self.of_sizes[point[:3]]
        row = self._values(objective)[int(self.is_redefined[variant, point[3]]), variant]
        return dict(zip(self.regions, row.tolist(), strict=True))

    def _values(self, objective: Objective) -> Values:
        return self.dice if objective == "dice" else self.hd95_mm


def score_grid(
    prediction: NDArray[np.uint8],
    reference: NDArray[np.generic],
    spacing_mm: Spacing,
    edition: Edition,
    grid: ThresholdGrid,
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
    lesions = find_reference_lesions(reference, spacing_mm, edition)
    pair = crop_labels(prediction, reference, edition)
    graph = build_graph(pair.prediction)
    variants = find_variants(graph, grid, voxel_mm3=float(np.prod(spacing_mm)))
    components = find_region_components(graph, variants, spacing_mm, edition)
    case = PredictedCase(graph, find_node_windows(graph), pair.corner, pair.total, spacing_mm)
    values = {
        region: score_region(
            case,
            components[region],
            [components[name] for name in rules.joined_through],
            lesions[region],
            penalty_mm=edition.penalty_for(prediction.shape),
            spurious_counted=edition.spurious_counted,
        )
        for region, rules in edition.regions.items()
    }
    return _table(values, variants, grid)


def _table(values: Mapping[str, RegionValues], variants: Variants, grid: ThresholdGrid) -> CaseTable:
    def stacked(columns: Iterable[Values]) -> Values:
        return np.stack([column.reshape(2, -1) for column in columns], axis=-1)

    return CaseTable(
        regions=tuple(values),
        of_sizes=variants.of_sizes,
        is_redefined=variants.et_ratio[:, None] < np.array(grid.ratios),
        dice=stacked(region.dice for region in values.values()),
        hd95_mm=stacked(region.hd95_mm for region in values.values()),
    )
