"""A healthy brain as shares of tissue: folded cortex, white matter, deep nuclei, ventricles, cisterns, vessels."""

from dataclasses import dataclass

import numpy as np

from bratseg.phantoms.fields import (
    Field,
    Frame,
    capsule,
    cut,
    distance_to_zero,
    ellipsoid,
    inside,
    join,
    noise,
    noise_at,
)

Points = tuple[Field, Field, Field]


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Shares of tissue in each voxel, and the distances that lesions and artefacts are placed by.

    Attributes:
        csf, grey, white, deep, cerebellum: shares; they sum to 1 inside the head.
        vessels: share of contrast-taking vessels, sinuses and dura, on top of the tissue.
        plexus: share of choroid plexus.
        head: distance to what skull stripping leaves, negative inside.
        depth: depth below the brain's own surface in mm, sulci not counted.
        ventricles: distance to them in mm.
        midline: distance to the fissure between the hemispheres, callosum left free.
    """

    csf: Field
    grey: Field
    white: Field
    deep: Field
    cerebellum: Field
    vessels: Field
    plexus: Field
    head: Field
    depth: Field
    ventricles: Field
    midline: Field


def make_anatomy(rng: np.random.Generator, frame: Frame, points: Points) -> Anatomy:
    """One person's brain.

    Args:
        frame: the voxels.
        points: their coordinates after a mass effect has displaced the tissue.

    Returns:
        Tissue of the frame's shape.
    """
    points = _individual(rng, frame, points)
    soft = max(0.45, 0.3 * float(np.mean(frame.spacing_mm)))
    brain, cerebrum, hindbrain, head = _outlines(rng, points)
    midline = _fissure(points, frame, rng)
    to_csf, opening = _folds(rng, frame, points, brain, hindbrain, midline)
    ventricles = _ventricles(rng, points)
    thick = rng.uniform(2.4, 3.6)
    wet = inside(to_csf - opening, soft)
    ribbon = inside(to_csf - opening - np.float32(thick), soft) - wet
    chambers = inside(ventricles, soft)
    nuclei = inside(_nuclei(rng, points), 0.9) * (1 - chambers)
    back = inside(hindbrain, 1.5) * (1 - inside(cerebrum, 1.0))
    csf = np.maximum(wet, chambers)
    rest = 1 - csf
    folia = _folia(rng, frame, points)
    deep = rest * nuclei * (1 - back)
    cerebellum = rest * back * folia
    grey = np.clip(ribbon * (1 - back), 0, rest - deep)
    white = np.clip(rest - deep - cerebellum - grey, 0, 1)
    return Anatomy(
        csf=csf,
        grey=grey,
        white=white,
        deep=deep,
        cerebellum=cerebellum,
        vessels=_vessels(rng, frame, points, head, wet, soft),
        plexus=_plexus(rng, frame, points, ventricles, soft),
        head=head,
        depth=-brain,
        ventricles=ventricles,
        midline=midline,
    )


def _individual(rng: np.random.Generator, frame: Frame, points: Points) -> Points:
    """Coordinates stretched and bent as heads differ."""
    x, y, z = points
    roll, pitch, yaw = rng.normal(0, 0.04, 3)
    turned = (x + roll * z + yaw * y, y - yaw * x + pitch * z, z - roll * x - pitch * y)
    bent = []
    for axis, values in enumerate(turned):
        stretch = rng.normal(1.0, 0.035)
        amplitude = rng.uniform(0.8, 2.5) * (0.7 if axis == 0 else 1.0)
        bent.append(np.asarray(values * stretch + amplitude * noise(rng, frame, 55), dtype=np.float32))
    return bent[0], bent[1], bent[2]


def _outlines(rng: np.random.Generator, points: Points) -> tuple[Field, Field, Field, Field]:
    """Distances to the brain, the cerebrum, cerebellum with stem, and the stripped head."""
    x, y, z = points
    across = np.abs(x) / (1 - 0.10 * np.clip(y, -90, 90) / 90)
    half: Points = (np.asarray(across, dtype=np.float32), y, z)
    cerebrum = ellipsoid(half, (16, 0, 12), (51, 86, 53))
    tent = np.clip(28 - np.abs(x), 0, None) * np.clip((-y - 15) / 20, 0, 1)  # the tentorium is a tent
    base = -25 + 0.4 * tent - z + 0.2 * np.clip(y - 25, 0, None)
    cerebrum = cut(cerebrum, np.asarray(base, dtype=np.float32), 7)
    inward = np.abs(x) + 0.18 * np.clip(y - 5, 0, None)  # their poles point inward
    temporal = ellipsoid((np.asarray(inward, dtype=np.float32), y, z), (41, 3, -25), (22, 40, 20))
    cerebrum = join(cerebrum, temporal, 4)
    hemispheres = ellipsoid(
        (half[0], np.asarray(y + 0.12 * half[0], dtype=np.float32), z), (12, -49, -39), (41, 30, 22)
    )
    stem = join(
        capsule(points, (0, -18, -8), (0, -30, -90), (14, 9)), ellipsoid(points, (0, -16, -36), (17, 13, 14)), 5
    )
    hindbrain = join(hemispheres, stem, 4)
    brain = join(cerebrum, hindbrain, 1.5)
    margin = rng.uniform(0.8, 3.5)
    head = join(cerebrum, hindbrain, 9) - np.float32(margin)
    head = cut(head, np.asarray(-68 - z, dtype=np.float32), 2)
    return brain, cerebrum, hindbrain, head


def _fissure(points: Points, frame: Frame, rng: np.random.Generator) -> Field:
    x, y, z = points
    callosum = ellipsoid(points, (0, -4, 8), (60, 42, 20))
    below = np.clip(-14 - z, 0, None) * (np.abs(y + 16) < 70)
    wavy = x + 1.2 * noise(rng, frame, 40)
    return np.asarray(np.sqrt(wavy**2 + np.clip(-callosum, 0, None) ** 2 + below**2), dtype=np.float32)


def _folds(
    rng: np.random.Generator, frame: Frame, points: Points, brain: Field, hindbrain: Field, midline: Field
) -> tuple[Field, Field]:
    """Distance in mm to the nearest surface that CSF touches, and how wide the CSF there is."""
    x, y, z = points
    side = np.where(x > 0, np.float32(17), np.float32(-17))
    bent = [values + 3.5 * noise(rng, frame, 22) for values in (x - side, y, z - 6)]
    length = np.sqrt(sum(values**2 for values in bent)) + np.float32(1e-3)
    reach = 58 + 0.12 * length  # sulci lean a little and branch with depth
    spokes = [values / length * reach for values in bent]
    spokes[0] = spokes[0] + side
    pattern = noise_at(rng, (spokes[0], spokes[1], spokes[2]), rng.uniform(14, 18))
    to_sulcus = distance_to_zero(pattern, frame)
    depth = np.clip(-brain, 0, None)
    shallow = np.clip(1 + z / 40, 0.4, 1)  # less folded at the base
    bottom = np.clip(rng.uniform(11, 17) + 5 * noise(rng, frame, 35), 3, 26) * shallow
    walls = np.hypot(to_sulcus, np.clip(depth - bottom, 0, None) * 1.3)
    walls = np.where(hindbrain < 0, 99, walls + np.clip(28 - length, 0, None))
    atrophy = rng.uniform(0.0, 1.5)
    opening = np.clip(0.35 + atrophy * (1 - depth / 22) + 0.5 * noise(rng, frame, 30), -0.3, 3)
    surface = -brain
    midline = np.where((hindbrain < 2) | (depth > 45), 99, midline)
    return (
        np.asarray(np.minimum(np.minimum(surface, walls), midline), dtype=np.float32),
        np.asarray(np.where(surface < walls, np.minimum(opening, 0.8), opening), dtype=np.float32),
    )


def _ventricles(rng: np.random.Generator, points: Points) -> Field:
    wide = float(np.clip(rng.lognormal(-0.05, 0.35), 0.5, 2.2))
    result = ellipsoid(points, (0, -8, 2), (1.3 + 0.9 * wide, 13, 9))
    result = np.minimum(result, ellipsoid(points, (0, -42, -34), (5, 4, 7)))
    for side in (-1, 1):
        r = wide * rng.uniform(0.75, 1.3)
        out = 1 + 0.35 * (r - 1)

        def at(px: float, py: float, pz: float, side: int = side, out: float = out) -> tuple[float, float, float]:
            return side * px * out, py, pz

        horn = capsule(points, at(8, 14, 12), at(13, 32, 8), (3.6 * r, 2.4 * r))
        body = capsule(points, at(9, -22, 19), at(8, 14, 13), (4.4 * r, 4.0 * r))
        atrium = capsule(points, at(10, -22, 18), at(22, -38, 8), (4.4 * r, 5.5 * r))
        tail = capsule(points, at(22, -38, 8), at(23, -58, 5), (4.5 * r, 1.2 * r))
        low = capsule(points, at(24, -36, 4), at(30, -8, -18), (3.2 * r, 1.3 * r))
        for part in (horn, body, atrium, tail, low):
            result = join(result, part, 1.5)
    return result


def _nuclei(rng: np.random.Generator, points: Points) -> Field:
    x, y, z = points
    half: Points = (np.abs(x), y, z)
    scale = rng.uniform(0.9, 1.1)
    caudate = ellipsoid(half, (14.5, 16, 11), (4.5 * scale, 13, 9))
    lentiform = ellipsoid(half, (25, 3, 2), (7 * scale, 16, 10))
    thalamus = ellipsoid(half, (11, -17, 7), (8 * scale, 14, 9))
    return np.minimum(np.minimum(caudate, lentiform), thalamus)


def _folia(rng: np.random.Generator, frame: Frame, points: Points) -> Field:
    """Fine grey and white layers of the cerebellum, 0.35 to 1."""
    x, y, z = points
    radius = np.sqrt((np.abs(x) * 0.35) ** 2 + (y + 46) ** 2 + (z + 34) ** 2)
    layers = np.sin(2 * np.pi * (radius + 1.5 * noise(rng, frame, 15)) / rng.uniform(4.5, 6))
    core = inside(np.asarray(radius - 15 + 3 * noise(rng, frame, 12), dtype=np.float32), 1.5)
    return np.asarray((0.72 + 0.28 * layers) * (1 - 0.8 * core), dtype=np.float32)


def _vessels(rng: np.random.Generator, frame: Frame, points: Points, head: Field, wet: Field, soft: float) -> Field:
    """Sinuses, dura, arteries at the base, veins in the sulci: all of them bright after contrast."""
    x, y, z = points
    edge = -head
    thick = rng.uniform(1.5, 5.0) + np.clip(-y - 55, 0, 30) / 30 * rng.uniform(0, 5)  # widest where they meet
    sinus = np.hypot(np.abs(x) * 1.1, edge) + np.clip(15 - z - 1.4 * np.clip(-y - 50, 0, None), 0, None) * 0.3
    result = inside(np.asarray(sinus - thick, dtype=np.float32), soft)
    uneven = rng.uniform(0, 4) + 1.5 * noise(rng, frame, 25)
    tentorium = np.hypot(np.clip(edge, 0, None), z + 20 - 0.1 * (y + 60)) + np.clip(y + 35, 0, None) * 0.3
    result = np.maximum(result, inside(np.asarray(tentorium - uneven, dtype=np.float32), soft))
    patches = noise(rng, frame, 34)
    dura = inside(edge - rng.uniform(0.5, 2.2), soft) * inside(rng.uniform(0.2, 1.4) - patches, 0.15)
    result = np.maximum(result, dura)
    curve = np.hypot(distance_to_zero(noise(rng, frame, 26), frame), distance_to_zero(noise(rng, frame, 26), frame))
    width = rng.uniform(0.4, 1.3)
    result = np.maximum(result, inside(curve - np.float32(width), soft) * (0.15 + 0.85 * (wet > 0.1)))
    half: Points = (np.abs(x), y, z)
    arteries = np.minimum(
        capsule(half, (4, 10, -18), (28, 8, -12), (1.5, 1.2)), capsule(half, (28, 8, -12), (42, -8, 2), (1.2, 0.9))
    )
    arteries = np.minimum(arteries, capsule(points, (0, -4, -20), (0, -6, -50), (1.8, 1.5)))
    arteries = arteries + 1.0 * noise(rng, frame, 18)
    result = np.maximum(result, inside(arteries - np.float32(rng.uniform(-0.5, 0.8)), soft))
    falx = inside(np.abs(x) - np.float32(0.5), soft) * (head < 0) * (z > 20) * rng.uniform(0, 0.5)
    return np.asarray(np.maximum(result, falx) * rng.uniform(0.5, 1.0), dtype=np.float32)


def _plexus(rng: np.random.Generator, frame: Frame, points: Points, ventricles: Field, soft: float) -> Field:
    half: Points = (np.abs(points[0]), points[1], points[2])
    run = np.minimum(
        capsule(half, (9, -5, 15), (13, -28, 15), (0.8, 1.8)), capsule(half, (13, -28, 15), (24, -38, 5), (3.0, 3.0))
    )
    run = run + 1.4 * noise(rng, frame, 9) - np.float32(rng.uniform(-1, 1.5))
    return inside(np.maximum(run, ventricles + 0.3), soft)
