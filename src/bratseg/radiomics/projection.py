"""From a case's features to a point among the clusters: scaling, then principal components.

The same numbers as scikit-learn's Normalizer or StandardScaler followed by its PCA,
without scikit-learn.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bratseval.files.json_fields import Fields

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Standard:
    """Each feature minus its mean, through its standard deviation; arrays of one number per feature."""

    mean: Numbers
    scale: Numbers


# "l2", the paper's: each case's features through their Euclidean length, no feature scaled by itself.
Scaler = Literal["l2"] | Standard


@dataclass(frozen=True, eq=False)
class Components:
    """The principal components of the scaled cases in training.

    Attributes:
        mean: (features,).
        loadings: (components, features).
        variance_ratio: each component's part of the variance, for the reader.
    """

    mean: Numbers
    loadings: Numbers
    variance_ratio: tuple[float, ...]


def project(rows: Numbers, scaler: Scaler, components: Components) -> Numbers:
    """Cases (n, features) as points (n, components)."""
    return (scale(rows, scaler) - components.mean) @ components.loadings.T


def scale(rows: Numbers, scaler: Scaler) -> Numbers:
    """Cases (n, features), scaled; a row of zeros stays what it is under l2."""
    if isinstance(scaler, Standard):
        return (rows - scaler.mean) / scaler.scale
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Numbers = rows / np.where(lengths == 0, 1, lengths)
    return scaled


def scaler_table(scaler: Scaler) -> dict[str, object]:
    """A scaler as `read_scaler` reads it."""
    if isinstance(scaler, Standard):
        return {"kind": "standard", "mean": scaler.mean.tolist(), "scale": scaler.scale.tolist()}
    return {"kind": scaler}


def components_table(components: Components) -> dict[str, object]:
    """Components as `read_components` reads them."""
    pairs = zip(components.variance_ratio, components.loadings.tolist(), strict=True)
    rows = [{"variance_ratio": ratio, "loadings": loadings} for ratio, loadings in pairs]
    return {"mean": components.mean.tolist(), "components": rows}


def read_scaler(table: Fields, features: int) -> Scaler:
    """The scaler in a table, for that many features.

    Raises:
        InputError: a key is missing, unknown or out of range, or a list has another length.
    """
    scaler: Scaler = "l2"
    if table.text("kind", ("l2", "standard")) == "standard":
        scaler = Standard(read_numbers(table, "mean", features), read_numbers(table, "scale", features))
        if scaler.scale.min() <= 0:
            raise table.error("is impossible", "positive numbers", float(scaler.scale.min()), "scale")
    table.done()
    return scaler


def read_components(table: Fields, features: int) -> Components:
    """The components in a table, for that many features.

    Raises:
        InputError: a key is missing, unknown or out of range, or a list has another length.
    """
    mean = read_numbers(table, "mean", features)
    ratios, loadings = [], []
    for row in table.tables("components"):
        ratios.append(row.number("variance_ratio"))
        loadings.append(read_numbers(row, "loadings", features))
        row.done()
    table.done()
    if not loadings:
        raise table.error("is empty", "at least one component", "none", "components")
    return Components(mean, np.stack(loadings), tuple(ratios))


def read_numbers(table: Fields, key: str, count: int) -> Numbers:
    """A list of that many finite numbers."""
    return np.array(table.numbers(key, count), dtype=np.float64)
