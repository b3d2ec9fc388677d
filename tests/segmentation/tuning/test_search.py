"""The search looks up what scoring every point would give: the same numbers, to the last bit."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bratseg.phantoms import make_phantom
from bratseg.phantoms.mistakes import mistaken
from bratseg.postprocess.apply import apply_thresholds
from bratseg.postprocess.thresholds import Fill, Mode
from bratseg.tuning.component_graph import build_graph
from bratseg.tuning.grid import NOTHING, Point, ThresholdGrid
from bratseg.tuning.search import CaseTable, score_grid
from bratseg.tuning.variants import find_variants
from bratseval.challenge import EDITIONS
from bratseval.files.nifti import read_labels
from bratseval.scoring.case import score_case
from bratseval.scoring.lesionwise import LESION_DICE, LESION_HD95
from factories.boxes import labels_of

Labels = NDArray[np.uint8]
Spacing = tuple[float, float, float]
MM: Spacing = (1.0, 1.0, 1.0)
WAYS: list[tuple[Mode, Fill]] = [
    ("labels", "background"),
    ("labels", "surrounding"),
    ("regions", "background"),
    ("regions", "surrounding"),
]


def brute(
    prediction: Labels, reference: Labels, spacing: Spacing, edition: str, grid: ThresholdGrid, point: Point
) -> tuple[dict[str, float], dict[str, float]]:
    """Dice and HD95 of each region: thresholds applied to the volume, and the volume scored."""
    voxel_mm3 = float(np.prod(spacing))
    cleaned = apply_thresholds(prediction, grid.thresholds(point), mode=grid.mode, fill=grid.fill, voxel_mm3=voxel_mm3)
    regions = score_case(cleaned.labels, reference, spacing, EDITIONS[edition]).regions
    dice, hd95 = ({name: values[key] for name, values in regions.items()} for key in (LESION_DICE, LESION_HD95))
    return dice, hd95


def points(seed: int, count: int) -> list[Point]:
    """Random points of the grid; low ones come more often, since there the variants change."""
    rng = np.random.default_rng(seed)
    rows = (20 * rng.uniform(0, 1, (count, 4)) ** 2).astype(int).tolist()
    return [(a, b, c, d) for a, b, c, d in rows]


def differences(prediction: Labels, reference: Labels, spacing: Spacing, edition: str, count: int) -> list[str]:
    """Every (way, point) at which the table is not what scoring gives, on `count` points of each way."""
    found = []
    for mode, fill in WAYS:
        grid = ThresholdGrid(mode=mode, fill=fill)
        table = score_grid(prediction, reference, spacing, EDITIONS[edition], grid)
        for point in points(len(edition), count):
            wanted = brute(prediction, reference, spacing, edition, grid, point)
            got = table.at(point, "dice"), table.at(point, "hd95")
            means = [float(np.mean(list(values.values()))) for values in wanted]
            read = [float(table.means("dice")[point]), float(table.means("hd95")[point])]
            if got != wanted or means != read:
                found.append(f"{edition} {mode} {fill} {point}: expected {wanted}, got {got}")
    return found


def small_case(seed: int) -> tuple[Labels, Labels]:
    """A phantom of few voxels, and a prediction with many small components."""
    reference = make_phantom(seed, shape=(40, 48, 36), spacing_mm=(4.2, 4.2, 4.2)).labels
    return mistaken(reference, seed, blobs=10), reference


@pytest.mark.parametrize("edition", ["ssa-2023", "ssa-2024", "gli-2024", "met-2025-lesionwise", "men-2023"])
def test_made_cases_score_at_every_point_what_scoring_gives(edition: str) -> None:
    # 5 editions, 2 cases, 4 ways, 8 points: 320 comparisons of two values for each region
    for seed, spacing in ((1, MM), (3, (0.5, 1.0, 1.5))):
        assert differences(*small_case(seed), spacing, edition, 8) == []


@pytest.mark.parametrize("edition", ["ssa-2023", "ssa-2024"])
@pytest.mark.parametrize("case", ["BraTS-GLI-00001-000", "BraTS-MET-00132-000", "BraTS-MET-00630-001"])
def test_real_cases_score_at_every_point_what_scoring_gives(shared: Path, case: str, edition: str) -> None:
    # 2 editions, 3 cases, 4 ways, 3 points: 72 comparisons
    folder = shared / "data" / "segmentations"
    names = ("prediction-labels123", "reference-labels123")
    paths = [folder / case / f"{name}.nii.gz" for name in names]
    if "MET" in case:
        paths = [folder / "BraTS-MET" / f"{case}-{side}.nii.gz" for side in ("prediction", "reference")]
    prediction, reference = (read_labels(path) for path in paths)
    x, y, z = prediction.grid.spacing_mm
    assert differences(prediction.voxels, reference.voxels, (x, y, z), edition, 3) == []


@pytest.mark.parametrize(("mode", "fill"), WAYS)
def test_variants_are_the_volumes_that_thresholds_leave(mode: Mode, fill: Fill) -> None:
    prediction, _ = small_case(4)
    graph, grid = build_graph(prediction), ThresholdGrid(mode=mode, fill=fill)
    variants = find_variants(graph, grid, voxel_mm3=0.7)
    for point in points(9, 40):
        left = apply_thresholds(prediction, grid.thresholds(point), mode=mode, fill=fill, voxel_mm3=0.7).labels
        variant = variants.of_sizes[point[:3]]
        rows = variants.redefined if variants.et_ratio[variant] < grid.ratios[point[3]] else variants.kept
        painted = np.append(np.uint8(0), rows[variant])[graph.volume]
        assert np.array_equal(painted, left)


def table_of(prediction: Labels, reference: Labels, edition: str = "ssa-2023") -> CaseTable:
    return score_grid(prediction, reference, MM, EDITIONS[edition], ThresholdGrid())


def test_a_spurious_component_halves_wt_until_it_is_removed() -> None:
    # 1,000 voxels of ET found, 60 of ED far away: WT is (1 + 0) / 2 up to 50 mm3 and 1 from 75 on; HD95 likewise
    reference = labels_of((60, 40, 20), (4, 14, 4, 14, 4, 14, 3))
    prediction = labels_of((60, 40, 20), (4, 14, 4, 14, 4, 14, 3), (40, 45, 20, 24, 10, 13, 2))
    table = table_of(prediction, reference)
    assert table.at((0, 2, 0, 0), "dice") == {"WT": 0.5, "TC": 1.0, "ET": 1.0}
    assert table.at((0, 2, 0, 0), "hd95") == {"WT": 187.0, "TC": 0.0, "ET": 0.0}  # (0 + 374) / 2
    assert table.at((0, 3, 0, 0), "dice") == {"WT": 1.0, "TC": 1.0, "ET": 1.0}


def test_et_becomes_ncr_where_it_is_strictly_below_the_ratio() -> None:
    # 200 of 1,000 voxels are ET: a ratio of 0.2 keeps it, 0.25 does not, and ET then misses its lesion
    case = labels_of((30, 30, 30), (5, 15, 5, 15, 5, 15, 1), (5, 15, 5, 15, 5, 7, 3))
    table = table_of(case, case)
    assert table.at((0, 0, 0, 4), "dice")["ET"] == 1.0
    assert table.at((0, 0, 0, 5), "dice") == {"WT": 1.0, "TC": 1.0, "ET": 0.0}


@pytest.mark.parametrize("edition", ["ssa-2023", "ssa-2024"])
def test_cases_without_anything_are_perfect_and_those_with_one_side_are_not(edition: str) -> None:
    empty = np.zeros((20, 20, 20), np.uint8)
    tumour = labels_of((20, 20, 20), (5, 15, 5, 15, 5, 15, 3))
    assert table_of(empty, empty, edition).at(NOTHING, "dice") == {"WT": 1.0, "TC": 1.0, "ET": 1.0}
    assert table_of(empty, tumour, edition).at(NOTHING, "hd95") == {"WT": 374.0, "TC": 374.0, "ET": 374.0}
    assert table_of(tumour, empty, edition).at(NOTHING, "dice") == {"WT": 0.0, "TC": 0.0, "ET": 0.0}


def test_nodes_of_two_labels_keep_their_own_numbers_beyond_a_byte() -> None:
    labels = np.zeros((24, 24, 24), np.uint8)
    labels[::3, ::3, ::6] = 1  # 8 * 8 * 4 each
    labels[::3, ::3, 3::6] = 2
    graph = build_graph(labels)
    assert graph.count == 512
    assert np.array_equal(np.sort(graph.volume[labels != 0]), np.arange(1, 513))
    assert np.array_equal(graph.labels[graph.volume[labels != 0] - 1], labels[labels != 0])


def test_editions_without_a_lesion_wise_mean_are_refused() -> None:
    empty = np.zeros((8, 8, 8), np.uint8)
    with pytest.raises(ValueError, match="ped-2026 is of the family instances-2026"):
        table_of(empty, empty, "ped-2026")


def test_a_grid_starts_with_what_changes_nothing() -> None:
    with pytest.raises(ValueError, match="ascend from 0"):
        ThresholdGrid(sizes_mm3=(25.0, 50.0))
