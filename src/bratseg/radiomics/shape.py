"""Shape of a tumour: pyradiomics' 14 features, bit by bit, without its search through all pairs of mesh vertices.

pyradiomics measures every pair of a mesh's vertices, two thirds of the time for all 386
features. The longest distance joins two corners of the convex hull, and within a plane
it is no longer than the plane's diagonal, so few pairs have to be looked at. Sums are
taken in pyradiomics' order, so that they are rounded as there.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bratseg.radiomics.projection import Numbers
from bratseval.metrics.components import Mask

# Marching cubes, axes (z, y, x). Corners of a cube; the middles of its edges; for each set of corners inside (bits,
# lower half: the upper is its complement) the triangles, three edges each, in hexadecimal.
# Source of the table: Bourke, "Polygonising a scalar field", 1994, ordered as in pyradiomics 3.0.1 (BSD licence), so
# that triangles are summed as there.
_CORNERS: Final = ((0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0))
_MIDDLES: Final = (
    *((0, 0, 0.5), (0, 0.5, 1), (0, 1, 0.5), (0, 0.5, 0), (1, 0, 0.5), (1, 0.5, 1)),
    *((1, 1, 0.5), (1, 0.5, 0), (0.5, 0, 0), (0.5, 0, 1), (0.5, 1, 1), (0.5, 1, 0)),
)
_TRIANGLES: Final = (
    "- 083 190 183198 12a 08312a 92a029 2832a8a98 b23 b2008b 190b23 b2119b98b 3a1ba3 a1008a8ba 9033b9ba9 98aba8 "
    "478 043473 190478 194147173 12a478 34730412a 92a902478 2a9297273479 478b23 b47b24204 190478b23 "
    "47b94bb29192 3a1ba3478 ba114b10447b 4789033b9ba9 47b4b99ba 954 954083 054015 854835315 12a954 08312a954 "
    "2a5542240 2a5325354834 954b23 b2008b954 054015b23 215258b28548 3a1ba3954 549a1008a8ba 54050ba5bb03 "
    "548a58ba8 789579 309539357 780017715 157173 78957912a 12a309395357 0288258572a5 2a5253357 579789b23 "
    "579972209b27 b23018178157 21b17b157 7895793a1ba3 5705097b0a10ba0 ba003ba50078570 ba557b 65a 08365a 19065a "
    "18319865a 165126 165126083 965906026 598582526832 b2365a b2008b65a 190b2365a b2119b98b65a 63b653513 "
    "08b0b50515b6 63b036065059 65969bb98 47865a 04347365a 19047865a 19414717365a 478165126 043473165126 "
    "478965906026 739479329596269 b2347865a b47b2420465a 190b2347865a 47b94bb2919265a 47863b653513 "
    "51b5b610b47b04b 47863b036065059 65969b4797b9 a4964a a4964a083 01aa60640 18316886461a 149124264 "
    "149124264083 024426 832824426 b23a4964a b2008ba4964a b2301aa60640 64161a148b2118b 964369139b63 "
    "18b081b61149641 63b036640 86468b 67a78a89a 67a0a709a073 67a1a7178018 67a1a7173 126168189678 "
    "269129679309739 078706602 273267 b2367a78a89a 207b2709767a9a7 67a1a7178018b23 b2117ba61167 896678169b63136 "
    "09167b 07870603bb60 67b"
)
_BLOCK: Final = 256  # rows of pairs looked at together


def shape_features(tumour: Mask, spacing_mm: tuple[float, float, float]) -> Mapping[str, Any]:
    """pyradiomics' features of shape by its names; what axes of equal length make complex stays so, a voxel's are NaN.

    Args:
        tumour: (x, y, z), at least one voxel.
        spacing_mm: voxel edges along (x, y, z).
    """
    inside = np.pad(np.ascontiguousarray(tumour.transpose(2, 1, 0)), 1)
    spacing = np.array(spacing_mm[::-1], dtype=np.float64)
    area, volume = _area_and_volume(inside, spacing)
    in_slice, in_column, in_row, longest = _diameters(inside, spacing)
    least, minor, major = _axes(inside, spacing)
    z, y, x = spacing
    with np.errstate(invalid="ignore"):
        elongation, flatness = np.sqrt(minor / major), np.sqrt(least / major)
    return {
        "Elongation": elongation,
        "Flatness": flatness,
        "LeastAxisLength": np.sqrt(least) * 4,
        "MajorAxisLength": np.sqrt(major) * 4,
        "Maximum2DDiameterColumn": in_column,
        "Maximum2DDiameterRow": in_row,
        "Maximum2DDiameterSlice": in_slice,
        "Maximum3DDiameter": longest,
        "MeshVolume": volume,
        "MinorAxisLength": np.sqrt(minor) * 4,
        "Sphericity": (36 * np.pi * volume**2) ** (1.0 / 3.0) / area,
        "SurfaceArea": area,
        "SurfaceVolumeRatio": area / volume,
        "VoxelVolume": int(np.count_nonzero(inside)) * (z * x * y),
    }


def _area_and_volume(inside: Mask, spacing: Numbers) -> tuple[Any, Any]:
    """Of the mesh of marching cubes, summed triangle by triangle in the order of the voxels."""
    zero, one = slice(None, -1), slice(1, None)
    case = np.zeros(tuple(side - 1 for side in inside.shape), dtype=np.uint8)
    for bit, corner in enumerate(_CORNERS):
        case |= inside[tuple(one if far else zero for far in corner)].astype(np.uint8) << bit
    sign = np.where(case & 0x80, -1.0, 1.0)
    case = np.where(case & 0x80, case ^ 0xFF, case)
    table, counts = _table()
    cubes = np.argwhere(case)
    own = case[case > 0]
    number = counts[own]
    which = np.repeat(np.arange(len(own)), number)
    turn = np.arange(len(which)) - np.repeat(np.cumsum(number) - number, number)
    # (3 corners, triangles, 3 axes)
    a, b, c = ((cubes[which] + table[own[which], turn, corner]) * spacing for corner in range(3))
    cross = _cross(a, b)
    signed = cross[0] * c[:, 0] + cross[1] * c[:, 1] + cross[2] * c[:, 2]
    volumes = sign[case > 0][which] * signed
    first, second, third = (side * side for side in _cross(a - c, b - c))
    areas = 0.5 * np.sqrt(first + second + third)
    return np.cumsum(areas)[-1], np.cumsum(volumes)[-1] / 6  # cumsum adds one after the other


def _table() -> tuple[Numbers, NDArray[np.int64]]:
    """The middles of the edges of each case's triangles (128, 5, 3 corners, 3 axes), and how many triangles it has."""
    edges = [np.array([int(edge, 16) for edge in text.strip("-")], dtype=np.int64) for text in _TRIANGLES.split(" ")]
    table, middles = np.zeros((len(edges), 15, 3)), np.array(_MIDDLES)
    for case, found in enumerate(edges):
        table[case, : len(found)] = middles[found]
    return table.reshape(-1, 5, 3, 3), np.array([len(found) // 3 for found in edges])


def _cross(a: Numbers, b: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    return (
        (a[:, 1] * b[:, 2]) - (b[:, 1] * a[:, 2]),
        (a[:, 2] * b[:, 0]) - (b[:, 2] * a[:, 0]),
        (a[:, 0] * b[:, 1]) - (b[:, 0] * a[:, 1]),
    )


def _diameters(inside: Mask, spacing: Numbers) -> tuple[Any, Any, Any, Any]:
    """The longest distances of two vertices: within planes of one z, of one y, of one x, and anywhere."""
    from scipy.spatial import ConvexHull

    doubled = _vertices(inside)  # whole numbers, so the hull is exact
    within = (np.sqrt(_longest_in_planes(doubled, axis, spacing)) for axis in range(3))
    corners = doubled[ConvexHull(doubled).vertices]
    in_slice, in_column, in_row = within
    return in_slice, in_column, in_row, np.sqrt(_longest(corners / 2 * spacing))


def _vertices(inside: Mask) -> NDArray[np.int64]:
    """The mesh's vertices (n, 3) in half voxels: between every voxel inside and its neighbours outside."""
    found = []
    for axis in range(3):
        between = 2 * np.argwhere(np.diff(inside, axis=axis))
        between[:, axis] += 1
        found.append(between)
    return np.concatenate(found)


def _longest_in_planes(doubled: NDArray[np.int64], axis: int, spacing: Numbers) -> float:
    """The largest squared distance of vertices that share a coordinate; planes of the longest diagonal first."""
    points = doubled / 2 * spacing
    planes = list(_planes(points, doubled[:, axis]))
    bounds = [float(np.sum(np.ptp(plane, axis=0) ** 2)) for plane in planes]
    best = 0.0
    for place in np.argsort(bounds)[::-1].tolist():
        if bounds[place] * (1 + 1e-12) < best:
            break
        best = max(best, _longest(planes[place]))
    return best


def _planes(points: Numbers, level: NDArray[np.int64]) -> Iterator[Numbers]:
    order = np.argsort(level, kind="stable")
    yield from np.split(points[order], np.flatnonzero(np.diff(level[order])) + 1)


def _longest(points: Numbers) -> float:
    """The largest squared distance of two points."""
    best = 0.0
    for start in range(0, len(points), _BLOCK):
        z, y, x = (points[start : start + _BLOCK, np.newaxis, axis] - points[:, axis] for axis in range(3))
        best = max(best, float((z * z + y * y + x * x).max()))
    return best


def _axes(inside: Mask, spacing: Numbers) -> Any:
    """Variances of the voxels along their principal axes, smallest first."""
    coordinates = np.argwhere(inside) * spacing
    coordinates -= np.mean(coordinates, axis=0)
    coordinates /= np.sqrt(len(coordinates))
    values: Any = np.linalg.eigvals(np.dot(coordinates.T.copy(), coordinates))
    values[(values < 0) & (values > -1e-10)] = 0  # rounding in a plane of voxels
    values.sort()
    return values
