"""Clusters: the kinds of case that were found in training, and how a case is given to one of them.

clusters.json holds all of it as numbers, so that neither fitting it nor a pickle is
needed to apply it. Every kind of number in it depends on the others (a centroid means
nothing in another scaling), so they are bound together by one sha256.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, get_args

import numpy as np

from bratseg.models.description import choice_of
from bratseg.postprocess.thresholds import Fill, Mode, Thresholds, read_thresholds
from bratseg.radiomics.feature_names import EXTRACTOR, FEATURE_NAMES, PRESETS, Preset
from bratseg.radiomics.projection import (
    Components,
    Numbers,
    Scaler,
    components_table,
    project,
    read_components,
    read_numbers,
    read_scaler,
    scaler_table,
)
from bratseval.errors import InputError
from bratseval.files.atomic import write_json
from bratseval.files.json_fields import Fields, read_json
from bratseval.files.sha256 import sha256_of_json

FORMAT: Final = 1
_HASH: Final = "sha256"


@dataclass(frozen=True, eq=False)
class Cluster:
    """A kind of case.

    Attributes:
        cases: how many of the training's cases belong to it.
        centroid: (components,).
        distance_limit: quantile of these cases' distances to the centroid.
    """

    cases: int
    centroid: Numbers
    distance_limit: float
    thresholds: Thresholds


@dataclass(frozen=True, eq=False)
class Clusters:
    """All that is fitted for the post-processing.

    Attributes:
        preset: how features are extracted.
        names: the features in use, in the order of FEATURE_NAMES. What did not vary in
            training is left out where a standard deviation would be divided by.
        outlier_quantile: which quantile `distance_limit` is, above 0, at most 1.
        mode: whether a component is one of a label (the paper) or of a region.
        fill: what comes in its place: background (the paper), which leaves a hole in
            the tumour, or the label of most tumour voxels around it.
        global_thresholds: for cases that belong to no cluster.
        provenance: what the fit was made from, for the reader.
    """

    preset: Preset
    names: tuple[str, ...]
    scaler: Scaler
    components: Components
    outlier_quantile: float
    mode: Mode
    fill: Fill
    global_thresholds: Thresholds
    clusters: tuple[Cluster, ...]
    provenance: Mapping[str, object]


@dataclass(frozen=True)
class Assignment:
    """The nearest cluster, counted from 0; distance and limit in the space of the components."""

    cluster: int
    distance: float
    limit: float

    @property
    def outlier(self) -> bool:
        """Whether the case is further away than the cluster's training cases, so it does not belong to it."""
        return not self.distance <= self.limit


def assign(features: Mapping[str, float], clusters: Clusters) -> Assignment:
    """The cluster whose centroid is nearest to a case's features, the first of equals.

    Raises:
        KeyError: a feature in use is not there.
    """
    row = np.array([features[name] for name in clusters.names], dtype=np.float64)
    point = project(row[np.newaxis], clusters.scaler, clusters.components)[0]
    distances = [float(np.linalg.norm(point - cluster.centroid)) for cluster in clusters.clusters]
    nearest = int(np.argmin(distances))
    return Assignment(nearest, distances[nearest], clusters.clusters[nearest].distance_limit)


def write_clusters(path: Path, clusters: Clusters) -> None:
    """Write a clusters.json that `read_clusters` reads back as it was; whole or not at all.

    Raises:
        InputError: `read_clusters` would refuse it; nothing is written.
    """
    table = json.loads(json.dumps(_table(clusters)))  # as it will be read: lists for tuples, texts for keys
    table[_HASH] = _digest(table)
    _clusters(path, table)
    write_json(path, table)


def read_clusters(path: Path) -> Clusters:
    """The clusters in a clusters.json.

    Raises:
        InputError: the file is missing, no JSON, of another format, made with another
            extractor or other settings; a key is missing, unknown or out of range; or
            something in it was changed after it was fitted.
    """
    return _clusters(path, read_json(path))


def _table(clusters: Clusters) -> dict[str, object]:
    return {
        "format": FORMAT,
        "features": {
            "extractor": EXTRACTOR,
            "preset": clusters.preset.name,
            "settings": dict(clusters.preset.settings),
            "names": list(clusters.names),
        },
        "scaler": scaler_table(clusters.scaler),
        "pca": components_table(clusters.components),
        "outlier_quantile": clusters.outlier_quantile,
        "mode": clusters.mode,
        "fill": clusters.fill,
        "global": asdict(clusters.global_thresholds),
        "clusters": [
            {
                "cases": cluster.cases,
                "centroid": cluster.centroid.tolist(),
                "distance_limit": cluster.distance_limit,
                "thresholds": asdict(cluster.thresholds),
            }
            for cluster in clusters.clusters
        ],
        "provenance": dict(clusters.provenance),
    }


def _clusters(path: Path, content: object) -> Clusters:
    fields = Fields(path, content)
    number = fields.integer("format", 1)
    if number != FORMAT:
        raise fields.error("is not supported", str(FORMAT), number, "format")
    preset, names = _features(fields.table("features"))
    scaler = read_scaler(fields.table("scaler"), len(names))
    components = read_components(fields.table("pca"), len(names))
    mode: Mode = choice_of(fields, "mode", get_args(Mode))
    clusters = Clusters(
        preset=preset,
        names=names,
        scaler=scaler,
        components=components,
        outlier_quantile=fields.number("outlier_quantile"),
        mode=mode,
        fill=choice_of(fields, "fill", get_args(Fill)),
        global_thresholds=read_thresholds(fields.table("global"), mode),
        clusters=tuple(_cluster(row, len(components.loadings), mode) for row in fields.tables("clusters")),
        provenance=_provenance(fields),
    )
    stated = fields.text(_HASH)
    fields.done()
    if not 0 < clusters.outlier_quantile <= 1:
        raise fields.error("is impossible", "above 0, at most 1", clusters.outlier_quantile, "outlier_quantile")
    if not clusters.clusters:
        raise fields.error("is empty", "at least one cluster", "none", "clusters")
    _check_hash(path, content, stated)
    return clusters


def _features(table: Fields) -> tuple[Preset, tuple[str, ...]]:
    table.text("extractor", (EXTRACTOR,))
    preset = PRESETS[table.text("preset", tuple(PRESETS))]
    settings, names = table.value("settings"), table.texts("names")
    table.done()
    if settings != dict(preset.settings):
        raise table.error(f"are not those of {preset.name}", str(dict(preset.settings)), settings, "settings")
    known = set(names)
    if not names or names != tuple(name for name in FEATURE_NAMES if name in known):
        raise table.error("are impossible", f"some of the {len(FEATURE_NAMES)} features, in order", names, "names")
    return preset, names


def _cluster(row: Fields, components: int, mode: Mode) -> Cluster:
    cluster = Cluster(
        cases=row.integer("cases", 1),
        centroid=read_numbers(row, "centroid", components),
        distance_limit=row.number("distance_limit"),
        thresholds=read_thresholds(row.table("thresholds"), mode),
    )
    row.done()
    if cluster.distance_limit < 0:
        raise row.error("is impossible", "0 or more", cluster.distance_limit, "distance_limit")
    return cluster


def _provenance(fields: Fields) -> Mapping[str, object]:
    value = fields.value("provenance")
    if not isinstance(value, dict):
        raise fields.error("is not a table", "a table", value, "provenance")
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        raise fields.error("is not as it should be", "finite numbers", value, "provenance") from None
    return value


def _check_hash(path: Path, content: object, stated: str) -> None:
    """Refuse a file whose parts were not fitted together."""
    digest = _digest(content)
    if digest != stated:
        raise InputError(
            f"{path}: was changed after it was fitted, expected {_HASH} {stated}, got {digest}. "
            "Fit it again or take it from its source again."
        )


def _digest(content: object) -> str:
    """The sha256 of all that the table says but for the hash itself, however the file is laid out."""
    bound = {key: value for key, value in content.items() if key != _HASH} if isinstance(content, dict) else content
    return sha256_of_json(bound)
