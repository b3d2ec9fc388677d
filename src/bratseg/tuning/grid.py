"""The grid of thresholds that are tried, and what each point of it removes."""

from dataclasses import dataclass
from typing import Final

from bratseg.postprocess.thresholds import LABEL_BY_NAME, Fill, Mode, Redefinition, Removal, Thresholds
from bratseval.challenge import REGIONS

# All published thresholds of the winners' sibling for children are multiples of 25 voxels from 0 to 475 and multiples
# of 0.05 from 0 to 0.95. We take these to be the grid of arXiv 2412.04111, which does not state its own.
SIZES_MM3: Final = tuple(25.0 * step for step in range(20))
RATIOS: Final = tuple(step / 20 for step in range(20))
# What is removed, one after the other: labels as in the paper, regions from the outermost.
REMOVED: Final[dict[Mode, tuple[str, str, str]]] = {"labels": ("NCR", "ED", "ET"), "regions": ("WT", "TC", "ET")}
# Where there is little of the first, it becomes the second: arXiv 2412.04111.
SCARCE: Final = "ET"
BECOMES: Final = "NCR"

# A point of the grid: which of the sizes for each of the three removals, and which ratio; 0 changes nothing.
Point = tuple[int, int, int, int]
NOTHING: Final[Point] = (0, 0, 0, 0)


@dataclass(frozen=True)
class ThresholdGrid:
    """Every size for each of three removals, with every ratio.

    Attributes:
        sizes_mm3: components smaller than that are removed; ascending from 0.
        ratios: ET becomes NCR where its part of the tumour is strictly below; ascending from 0.
        mode: whether components of labels or of regions are removed.
        fill: what replaces a removed component.

    Raises:
        ValueError: sizes or ratios do not ascend from 0.
    """

    sizes_mm3: tuple[float, ...] = SIZES_MM3
    ratios: tuple[float, ...] = RATIOS
    mode: Mode = "labels"
    fill: Fill = "background"

    def __post_init__(self) -> None:
        for values in (self.sizes_mm3, self.ratios):
            if values[:1] != (0.0,) or list(values) != sorted(set(values)):
                raise ValueError(f"thresholds are {values}, expected them to ascend from 0")

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Points along each axis: three sizes and the ratio."""
        sizes = len(self.sizes_mm3)
        return sizes, sizes, sizes, len(self.ratios)

    @property
    def removed(self) -> tuple[str, str, str]:
        """Names of what is removed, in the order of the first three axes."""
        return REMOVED[self.mode]

    @property
    def removed_labels(self) -> tuple[frozenset[int], ...]:
        """The labels of what is removed, in the same order."""
        if self.mode == "labels":
            return tuple(frozenset({LABEL_BY_NAME[name]}) for name in self.removed)
        return tuple(REGIONS[name] for name in self.removed)

    def thresholds(self, point: Point) -> Thresholds:
        """The thresholds of a point, as post-processing applies them."""
        *sizes, ratio = point
        removals = (Removal(name, self.sizes_mm3[size]) for name, size in zip(self.removed, sizes, strict=True))
        return Thresholds(tuple(removals), (Redefinition(SCARCE, self.ratios[ratio], BECOMES),))
