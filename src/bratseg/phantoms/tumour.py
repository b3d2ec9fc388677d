"""Tumours: necrotic core, enhancing rim of uneven thickness, oedema that follows the white matter."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bratseg.phantoms.anatomy import Anatomy, Points
from bratseg.phantoms.fields import Field, Frame, Point, ellipsoid, inside, noise
from bratseval.challenge import ED, ET, NCR

Kind = Literal["ring", "cyst", "solid", "infiltrative"]
_SMALLEST_PART_MM3: Final = 100.0  # of a part that stands alone; the editions leave out 50 and less


@dataclass(frozen=True)
class Lesion:
    """A lesion as it is drawn at random before the anatomy: its place, kind and size.

    Attributes:
        centre: mm from the brain's centre to the right, the front and the top.
        radius_mm: of the core.
        oedema_mm: how far the oedema reaches beyond the core; 0 for none.
        push: 0 to 1, how far tissue is displaced.
    """

    kind: Kind
    centre: Point
    radius_mm: float
    oedema_mm: float
    push: float


@dataclass(frozen=True, eq=False)
class Tumour:
    """Shares of tumour tissue in each voxel, and the labels that a rater would draw.

    Attributes:
        core, rim, oedema: shares of NCR, ET and ED.
        cystic: 1 where the core's content is fluid.
        labels: uint8, 0 outside.
    """

    core: Field
    rim: Field
    oedema: Field
    cystic: Field
    labels: NDArray[np.uint8]


def plan_lesions(rng: np.random.Generator) -> tuple[Lesion, ...]:
    """One person's lesions: one large in most, several in some."""
    first = _lesion(rng, float(np.clip(rng.lognormal(2.75, 0.4), 5, 33)))
    lesions = [first]
    several = rng.random()
    if several < 0.28:
        near = rng.random() < 0.5
        for _ in range(int(rng.integers(1, 3 if several > 0.08 else 6))):
            other = _lesion(rng, float(np.clip(rng.lognormal(1.75, 0.4), 3, 14)))
            if near:
                shift = rng.normal(0, 1, 3)
                shift *= (first.radius_mm + rng.uniform(4, 18)) / np.linalg.norm(shift)
                x, y, z = np.add(first.centre, shift)
                other = Lesion(other.kind, (float(x), float(y), float(z)), other.radius_mm, other.oedema_mm, 0.1)
            lesions.append(other)
    return tuple(lesions)


def displaced(points: Points, lesions: tuple[Lesion, ...]) -> Points:
    """Where the tissue of each voxel was before the lesions pushed it away."""
    x, y, z = points
    for lesion in lesions:
        offset = [p - np.float32(c) for p, c in zip((x, y, z), lesion.centre, strict=True)]
        reach = np.float32(1.9 * lesion.radius_mm + 6)
        fade = np.float32(lesion.push) * np.exp(-sum(o**2 for o in offset) / reach**2)
        x, y, z = (np.asarray(p - fade * o, dtype=np.float32) for p, o in zip((x, y, z), offset, strict=True))
    return x, y, z


def grow(rng: np.random.Generator, frame: Frame, anatomy: Anatomy, lesions: tuple[Lesion, ...]) -> Tumour:
    """The lesions in a brain.

    Args:
        frame: the voxels.
        anatomy: of the displaced tissue.
        lesions: as planned.

    Returns:
        All lesions together; a rim covers a core, a core covers oedema.
    """
    core, rim, oedema, cystic = (np.zeros(frame.shape, dtype=np.float32) for _ in range(4))
    for lesion in lesions:
        whole, own_rim, swelling = _grow_one(rng, frame, anatomy, lesion)
        fluid = rng.uniform(0.75, 1.0) if lesion.kind == "cyst" else rng.uniform(0, 0.45)
        cystic = np.where(whole > core, np.float32(fluid), cystic)
        rim = np.maximum(rim * (1 - (whole - own_rim)), own_rim)
        core = np.maximum(core, whole)
        oedema = np.maximum(oedema, swelling)
    core = np.clip(core - rim, 0, 1)
    oedema = np.clip(oedema, 0, 1 - np.clip(core + rim, 0, 1))
    stray = _stray(core + rim, oedema, float(np.prod(frame.spacing_mm)))
    core, rim, oedema = (np.where(stray, np.float32(0), share) for share in (core, rim, oedema))
    shares = np.stack([1 - core - rim - oedema, core, oedema, rim])
    labels = np.array([0, NCR, ED, ET], dtype=np.uint8)[np.argmax(shares, axis=0)]
    return Tumour(core, rim, oedema, cystic, labels)


def _stray(core: Field, oedema: Field, voxel_mm3: float) -> NDArray[np.bool_]:
    """Where oedema is connected with no core, or a small part was cut off by its surroundings."""
    parts, _ = ndimage.label(core + oedema > 0.2)
    whole = np.bincount(parts.ravel(), weights=(core + oedema > 0.5).ravel())
    cores = np.bincount(parts.ravel(), weights=(core > 0.5).ravel())
    stray = (whole * voxel_mm3 < _SMALLEST_PART_MM3) | (cores == 0)
    stray[0] = False
    return np.asarray(stray[parts])


def _lesion(rng: np.random.Generator, radius_mm: float) -> Lesion:
    kind: Kind = rng.choice(["ring", "cyst", "solid", "infiltrative"], p=[0.62, 0.15, 0.14, 0.09])
    dry = rng.random() < 0.06 and kind != "infiltrative"
    oedema_mm = 0.0 if dry else float(rng.uniform(5, 34))
    push = float(rng.uniform(0.05, 0.5)) * min(1.0, radius_mm / 15)
    return Lesion(kind, _place(rng), radius_mm, oedema_mm, push)


def _place(rng: np.random.Generator) -> Point:
    side = rng.choice([-1.0, 1.0])
    region = rng.random()
    if region < 0.18:
        x, y, z = rng.uniform(36, 50), rng.uniform(-22, 34), rng.uniform(-32, -14)
    elif region < 0.23:
        x, y, z = rng.uniform(5, 40), rng.uniform(-75, -45), rng.uniform(-48, -30)
    else:
        direction = rng.normal(0, 1, 3)
        direction *= rng.uniform(0.25, 1.0) ** 0.5 * 0.8 / np.linalg.norm(direction)
        x, y, z = 18 + 44 * abs(direction[0]) - 12 * (direction[0] < -0.3), 80 * direction[1], 12 + 48 * direction[2]
        z = max(z, -12)
    return float(side * x), float(y), float(z)


def _grow_one(rng: np.random.Generator, frame: Frame, anatomy: Anatomy, lesion: Lesion) -> tuple[Field, Field, Field]:
    """Shares of one lesion: core with rim, rim, oedema where there is no core."""
    radius = lesion.radius_mm
    radii = rng.uniform(0.72, 1.3, 3) * radius
    x, y, z = frame.mesh()
    distance = ellipsoid((x, y, z), lesion.centre, (float(radii[0]), float(radii[1]), float(radii[2])))
    rough = (0.08 if lesion.kind == "cyst" else rng.uniform(0.12, 0.3)) * radius
    distance = np.clip(distance, -60, 60) + rough * noise(rng, frame, max(1.6 * radius, 8))
    if lesion.kind != "cyst":
        distance = distance + 0.4 * rough * noise(rng, frame, max(0.6 * radius, 5))
    tissue = _reachable(anatomy)
    soft = max(0.5, 0.3 * float(np.mean(frame.spacing_mm)))
    blur = rng.uniform(1.0, 3.0) if lesion.kind == "infiltrative" else rng.uniform(0.4, 1.0)
    whole = inside(distance, soft + blur * 0.5) * tissue
    rim = _rim(rng, frame, lesion, distance, soft) * whole
    return whole, rim, _oedema(rng, frame, anatomy, lesion, distance) * tissue


def _reachable(anatomy: Anatomy) -> Field:
    """1 in tissue, less in ventricles, sulci and beyond the falx."""
    free = inside(-anatomy.ventricles - 0.5, 0.6) * inside(-anatomy.depth - 0.3, 0.5)
    return np.asarray(free * (1 - 0.85 * np.clip(anatomy.csf, 0, 1) * (anatomy.depth < 2)), dtype=np.float32)


def _rim(rng: np.random.Generator, frame: Frame, lesion: Lesion, distance: Field, soft: float) -> Field:
    """Share of the core that takes contrast."""
    radius = lesion.radius_mm
    if lesion.kind == "infiltrative":
        if rng.random() < 0.6:
            return np.zeros(frame.shape, dtype=np.float32)
        return inside(rng.uniform(1.1, 1.8) - noise(rng, frame, max(8, radius * 0.7)), 0.15)
    if lesion.kind == "solid" or radius < 4:
        hole = inside(rng.uniform(1.2, 2.4) - noise(rng, frame, 12), 0.15)
        return 1 - hole * inside(distance + 2, soft)
    if lesion.kind == "cyst":
        thick = rng.uniform(1.0, 2.6) * (1 + 0.35 * noise(rng, frame, 25))
        thick = thick + np.clip(noise(rng, frame, 30) - 1.1, 0, 2) * rng.uniform(0, 8)
        return inside(np.asarray(-distance - np.clip(thick, 0.5, 12), dtype=np.float32), soft)
    thick = rng.uniform(0.12, 0.42) * radius * (1 + 0.7 * noise(rng, frame, max(radius, 12)))
    gap = rng.uniform(-1.2, 0.6) if rng.random() < 0.6 else -3.0
    low = np.where(noise(rng, frame, max(1.3 * radius, 14)) < gap - 0.8, -3.0, 1.2)
    shell = inside(np.asarray(-distance - np.clip(thick, low, 14), dtype=np.float32), soft)
    bands = np.abs(noise(rng, frame, max(0.8 * radius, 9))) - rng.uniform(0.0, 0.22)
    septa = inside(np.asarray(bands, dtype=np.float32), 0.08) * inside(distance + 1, soft) * (rng.random() < 0.7)
    return np.asarray(np.maximum(shell, septa * (low > 0)), dtype=np.float32)


def _oedema(rng: np.random.Generator, frame: Frame, anatomy: Anatomy, lesion: Lesion, distance: Field) -> Field:
    """Share of swollen tissue around (and under) the core; fingers of white matter between dry cortex."""
    if not lesion.oedema_mm:
        return np.zeros(frame.shape, dtype=np.float32)
    uneven = 1 + 0.55 * noise(rng, frame, 45) + 0.2 * noise(rng, frame, 18)
    edge = distance - lesion.oedema_mm * np.clip(uneven, 0.1, 2.2)
    cortex = rng.uniform(0.35, 1.0) if lesion.kind == "infiltrative" else rng.uniform(0.0, 0.55)
    dry = anatomy.grey * (1 - cortex) + anatomy.deep * rng.uniform(0.1, 0.9) + anatomy.csf * 1.2
    edge = edge + np.float32(lesion.oedema_mm + 6) * np.clip(dry * 1.3, 0, 1.5)
    edge = edge + np.clip(3 - anatomy.midline, 0, 3) * 12
    x = frame.axes[0][:, None, None]
    opposite = np.clip(-x * np.sign(lesion.centre[0]) - 1, 0, None)
    edge = edge + opposite * 1.5
    return inside(np.asarray(edge, dtype=np.float32), rng.uniform(0.6, 2.2))
