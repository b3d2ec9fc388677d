"""The grid of thresholds that are tried, and what each point of it means."""

from dataclasses import dataclass
from typing import Final

from bratseg.postprocess.thresholds import Mode, Redefinition, Removal, Thresholds

# All published thresholds of the winners' sibling for children are multiples of 25 voxels from 0 to 475 and multiples
# of 0.05 from 0 to 0.95, so these are taken to be the grid that the paper searched (it does not tell).
SIZES_MM3: Final = tuple(25.0 * step for step in range(20))
RATIOS: Final = tuple(step / 20 for step in range(20))
# What is removed, one after the other: labels as the paper has them, regions from the outermost.
REMOVED: Final[dict[Mode, tuple[str, str, str]]] = {"labels": ("NCR", "ED", "ET"), "regions": ("WT", "TC", "ET")}
# What is redefined, and as what: arXiv 2412.04111.
SCARCE: Final = "ET"
BECOMES: Final = "NCR"

# A point of the grid: which of the three sizes, and which ratio, from 0; the first of each changes nothing.
Point = tuple[int, int, int, int]
NOTHING: Final[Point] = (0, 0, 0, 0)


@dataclass(frozen=True)
class Grid:
    """Thresholds to try, each with each; the first of both is 0, which changes nothing.

    Attributes:
        sizes_mm3: for each of the three removals.
        ratios: below which, strictly, ET is redefined.

    Raises:
        ValueError: a first is not 0, or they do not ascend.
    """

    sizes_mm3: tuple[float, ...] = SIZES_MM3
    ratios: tuple[float, ...] = RATIOS

    def __post_init__(self) -> None:
        for values in (self.sizes_mm3, self.ratios):
            if values[:1] != (0.0,) or list(values) != sorted(set(values)):
                raise ValueError(f"thresholds are {values}, expected them to ascend from 0")

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Points along each axis: three sizes and the ratio."""
        sizes = len(self.sizes_mm3)
        return sizes, sizes, sizes, len(self.ratios)

    def thresholds(self, point: Point, mode: Mode) -> Thresholds:
        """What a point of the grid means."""
        *sizes, ratio = point
        removals = zip(REMOVED[mode], (self.sizes_mm3[size] for size in sizes), strict=True)
        return Thresholds(
            tuple(Removal(of, below) for of, below in removals),
            (Redefinition(SCARCE, self.ratios[ratio], BECOMES),),
        )
