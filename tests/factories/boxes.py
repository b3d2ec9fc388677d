"""Volumes painted from boxes, for tests that count by hand."""

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int, int, int]


def mask_of(shape: tuple[int, int, int], *boxes: Box) -> NDArray[np.bool_]:
    """True in each box (x0, x1, y0, y1, z0, z1), half open."""
    mask = np.zeros(shape, np.bool_)
    for x0, x1, y0, y1, z0, z1 in boxes:
        mask[x0:x1, y0:y1, z0:z1] = True
    return mask


def labels_of(shape: tuple[int, int, int], *boxes: tuple[int, int, int, int, int, int, int]) -> NDArray[np.uint8]:
    """Labels of boxes (x0, x1, y0, y1, z0, z1, label), half open, painted in order into zeros."""
    labels = np.zeros(shape, np.uint8)
    for x0, x1, y0, y1, z0, z1, label in boxes:
        labels[x0:x1, y0:y1, z0:z1] = label
    return labels
