"""Strips of slices: a segmentation over a modality, for where the viewer cannot draw and for those in a hurry."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseval.report.picture import COLOURS

Rgb = tuple[int, int, int]

OTHER_COLOUR: Final = "#cc79a7"  # a label beyond the usual three
_OPACITY: Final = 0.55
_SLICES: Final = 7


def colour_of(label: int) -> Rgb:
    """Red, green and blue of a label, 0 to 255; Okabe and Ito's colours, distinct for colour-blind eyes."""
    return rgb(COLOURS.get(label, OTHER_COLOUR))


def rgb(colour: str) -> Rgb:
    """#d55e00 as numbers."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def slices_through(segmentations: Sequence[NDArray[np.uint8]], count: int = _SLICES) -> list[int]:
    """Axial slices z, ascending, evenly through what is segmented at all; through the middle where nothing is."""
    there = np.logical_or.reduce([segmentation.any(axis=(0, 1)) for segmentation in segmentations])
    found = np.flatnonzero(there)
    if not len(found):
        return [segmentations[0].shape[2] // 2]
    return [int(z) for z in np.unique(np.round(np.linspace(found[0], found[-1], min(count, len(found)) + 2)[1:-1]))]


def strip(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], slices: Sequence[int], colours: Mapping[int, Rgb]
) -> str:
    """A PNG in base64: the slices side by side, labels over the image.

    Args:
        image: (x, y, z) in LPS, 0 to 255, so that the picture shows the brain as radiologists do.
        labels: likewise; labels without a colour are not shown.
        slices: along z.
    """
    from matplotlib.image import imsave

    panels = []
    for z in slices:
        panel = np.repeat(image[:, :, z].T[:, :, None], 3, axis=2).astype(np.float32)
        for label, colour in colours.items():
            inside = np.equal(labels[:, :, z].T, label)
            panel[inside] = (1 - _OPACITY) * panel[inside] + _OPACITY * np.array(colour, np.float32)
        panels.append(panel.astype(np.uint8))
    file = io.BytesIO()
    imsave(file, np.concatenate(panels, axis=1), format="png", pil_kwargs={"compress_level": 3})
    return base64.b64encode(file.getvalue()).decode("ascii")
