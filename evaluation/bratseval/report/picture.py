"""One picture of a case: its modalities on the slice through the tumour, reference and prediction drawn on them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bratseval.challenge import LABEL_NAMES, MODALITIES, Modality
from bratseval.files.atomic import replacing

# Okabe and Ito's colours, distinct for colour-blind eyes: NCR blue, ED yellow, ET vermilion.
COLOURS: Final[Mapping[int, str]] = {1: "#56b4e9", 2: "#f0e442", 3: "#d55e00"}
_OTHER: Final = "#cc79a7"
_DPI: Final = 110


def draw_case(
    path: Path,
    title: str,
    images: Mapping[Modality, NDArray[np.float32]],
    prediction: NDArray[np.uint8],
    reference: NDArray[np.uint8] | None,
) -> None:
    """Write a PNG: four modalities above; below them t1c with the reference and with the prediction.

    The slice is the axial one with the most tumour (of the reference if there is
    one); without any tumour it is the middle one.

    Args:
        title: printed as it is, never interpreted.
        images: (x, y, z) in LPS, so that the picture shows the brain as radiologists do.
        prediction: labels (x, y, z) in the same orientation.
        reference: likewise; None leaves its panel out.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    z = _busiest_slice(prediction if reference is None else reference)
    box = _brain_box(images, z)
    figure = Figure(figsize=(12, 6.6), facecolor="black", layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{title}   slice {z}".replace("$", r"\$"), color="white", fontsize=12)
    top, bottom = figure.subplots(2, 4)
    for axes, modality in zip(top, MODALITIES, strict=True):
        _show(axes, images[modality][:, :, z][box], modality)
    for axes in bottom:
        axes.axis("off")
    segmentations = (
        {"prediction": prediction} if reference is None else {"reference": reference, "prediction": prediction}
    )
    backgrounds: tuple[Modality, Modality] = ("t2f", "t1c")
    panels = [(background, name) for background in backgrounds for name in segmentations]
    for axes, (background, name) in zip(bottom, panels, strict=False):
        _show(axes, images[background][:, :, z][box], f"{name} on {background}")
        _overlay(axes, segmentations[name][:, :, z][box])
    _legend(figure, list(segmentations.values()))
    with replacing(path) as partial:
        figure.savefig(partial, dpi=_DPI, facecolor="black", format="png")


def _busiest_slice(labels: NDArray[np.uint8]) -> int:
    area = np.count_nonzero(labels, axis=(0, 1))
    return int(area.argmax()) if area.any() else labels.shape[2] // 2


def _brain_box(images: Mapping[Modality, NDArray[np.float32]], z: int) -> tuple[slice, slice]:
    """The brain on that slice with a little room around it; everything where there is none."""
    inside = np.logical_or.reduce([image[:, :, z] != 0 for image in images.values()])
    if not inside.any():
        return slice(None), slice(None)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return (
        slice(max(0, rows[0] - 4), rows[-1] + 5),
        slice(max(0, columns[0] - 4), columns[-1] + 5),
    )


def _show(axes: Any, image: NDArray[np.float32], name: str) -> None:
    seen = image[image != 0]
    low, high = np.percentile(seen, (1, 99.5)) if seen.size else (0, 1)
    axes.imshow(image.T, cmap="gray", vmin=low, vmax=high, interpolation="bilinear")
    axes.set_title(name, color="white", fontsize=10)
    axes.axis("off")


def _overlay(axes: Any, labels: NDArray[np.uint8]) -> None:
    from matplotlib.colors import to_rgb

    layer = np.zeros((*labels.T.shape, 4))
    for label in np.unique(labels[labels > 0]).tolist():
        colour = COLOURS.get(label, _OTHER)
        where = np.equal(labels.T, label)
        layer[where] = (*to_rgb(colour), 0.35)
        axes.contour(where, levels=[0.5], colors=[colour], linewidths=1.2)
    axes.imshow(layer, interpolation="nearest")


def _legend(figure: Any, segmentations: list[NDArray[np.uint8]]) -> None:
    from matplotlib.patches import Patch

    labels = sorted({int(label) for labels in segmentations for label in np.unique(labels) if label})
    handles = [Patch(color=COLOURS.get(label, _OTHER), label=LABEL_NAMES.get(label, str(label))) for label in labels]
    if handles:
        figure.legend(handles=handles, loc="upper right", ncols=len(handles), frameon=False, labelcolor="white")
