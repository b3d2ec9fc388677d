"""Smooth random fields and rounded shapes, defined in millimetres and so at any voxel size."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Field = NDArray[np.float32]
Point = tuple[float, float, float]

REACH_MM: Final = 125.0  # fields are defined within this distance of the brain's centre along each axis
_SPREAD: Final = 0.479**1.5  # standard deviation that cubic B-splines leave of white noise: (151/315)^(3/2)


@dataclass(frozen=True)
class Frame:
    """Where the voxels of a box lie: mm from the brain's centre to the right, the front and the top.

    Attributes:
        axes: ascending coordinates along each axis of the box.
        spacing_mm: between them.
    """

    axes: tuple[Field, Field, Field]
    spacing_mm: tuple[float, float, float]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (right, front, top)."""
        x, y, z = (len(axis) for axis in self.axes)
        return x, y, z

    def mesh(self) -> tuple[Field, Field, Field]:
        """The three coordinates of every voxel, each of the frame's shape."""
        x, y, z = np.meshgrid(*self.axes, indexing="ij")
        return x, y, z


def noise(rng: np.random.Generator, frame: Frame, wavelength_mm: float) -> Field:
    """Smooth noise on a frame, mean 0 and standard deviation 1.

    Its values at a place depend on the generator alone, not on the frame.

    Args:
        wavelength_mm: distance over which it goes up and down once, roughly.
    """
    lattice, step = _lattice(rng, wavelength_mm)
    for axis, coordinates in enumerate(frame.axes):
        weights = _spline_weights(coordinates, step, lattice.shape[axis])
        lattice = np.moveaxis(np.tensordot(weights, lattice, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(lattice / np.float32(_SPREAD))


def noise_at(rng: np.random.Generator, points: tuple[Field, Field, Field], wavelength_mm: float) -> Field:
    """The same kind of noise at any points, within the reach of `REACH_MM`."""
    lattice, step = _lattice(rng, wavelength_mm)
    smooth = ndimage.spline_filter1d(lattice, 1, 0, output=np.float32)
    places = [points[axis] / np.float32(step) + np.float32(lattice.shape[axis] / 2 - 0.5) for axis in range(3)]
    values: Field = ndimage.map_coordinates(smooth, places, order=3, prefilter=False, mode="nearest", output=np.float32)
    return values / np.float32(_SPREAD)


def _lattice(rng: np.random.Generator, wavelength_mm: float) -> tuple[Field, float]:
    step = wavelength_mm / 2
    count = int(np.ceil(2 * REACH_MM / step)) + 4
    return rng.standard_normal((count, count, count), dtype=np.float32), step


def _spline_weights(coordinates: Field, step: float, count: int) -> Field:
    """(coordinates, count) values of the cubic B-splines that stand at the lattice's points."""
    places = coordinates[:, None] / step + (count / 2 - 0.5)
    t = np.abs(places - np.arange(count))
    inner = 2 / 3 - t**2 + t**3 / 2
    outer = np.clip(2 - t, 0, None) ** 3 / 6
    weights: Field = np.where(t < 1, inner, outer).astype(np.float32)
    return weights


# Shapes, as distances in mm: negative inside


def ellipsoid(points: tuple[Field, Field, Field], centre: Point, radii: Point) -> Field:
    """Distance to an ellipsoid, exact at its surface and roughly right elsewhere."""
    scaled = sum(((p - np.float32(c)) / np.float32(r)) ** 2 for p, c, r in zip(points, centre, radii, strict=True))
    steep = sum(((p - np.float32(c)) / np.float32(r * r)) ** 2 for p, c, r in zip(points, centre, radii, strict=True))
    level = np.sqrt(np.asarray(scaled, dtype=np.float32))
    distance: Field = level * (level - 1) / (np.sqrt(np.asarray(steep, dtype=np.float32)) + np.float32(1e-6))
    return distance


def capsule(points: tuple[Field, Field, Field], start: Point, end: Point, radii: tuple[float, float]) -> Field:
    """Distance to a rod from start to end whose radius changes evenly."""
    along = np.subtract(end, start)
    length2 = float(along @ along)
    offset = [p - np.float32(c) for p, c in zip(points, start, strict=True)]
    t = np.clip(sum(o * np.float32(a) for o, a in zip(offset, along, strict=True)) / np.float32(length2), 0, 1)
    rest = sum((o - t * np.float32(a)) ** 2 for o, a in zip(offset, along, strict=True))
    distance: Field = np.sqrt(np.asarray(rest)) - (np.float32(radii[0]) + t * np.float32(radii[1] - radii[0]))
    return distance


def join(a: Field, b: Field, rounding_mm: float) -> Field:
    """The union of two shapes with its crease filled to a radius."""
    h = np.clip(0.5 + (b - a) / np.float32(2 * rounding_mm), 0, 1)
    return np.asarray(b + (a - b) * h - np.float32(rounding_mm) * h * (1 - h))


def cut(a: Field, b: Field, rounding_mm: float) -> Field:
    """What two shapes have in common, its edge rounded."""
    return -join(-a, -b, rounding_mm)


def inside(distance: Field, softness_mm: float) -> Field:
    """Share of a voxel that lies inside a shape: 1 deep inside, 0.5 at the surface, 0 outside."""
    t = np.clip(0.5 - distance / np.float32(4 * softness_mm), 0, 1)
    share: Field = t * t * (3 - 2 * t)
    return share


def distance_to_zero(values: Field, frame: Frame) -> Field:
    """Distance in mm to the surfaces where a smooth field changes its sign, good near them."""
    steps = np.gradient(values, *frame.spacing_mm)
    slope = np.sqrt(sum(step.astype(np.float32) ** 2 for step in steps))
    distance: Field = np.abs(values) / (slope + np.float32(0.01))
    return distance
