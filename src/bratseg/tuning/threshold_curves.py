"""How the objective changes along each threshold, as a picture; matplotlib is loaded when one is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from bratseg.tuning.grid import NOTHING, Point
from bratseg.tuning.run import Tuned
from bratseg.tuning.search import Objective, Values
from bratseg.tuning.settings import TuningSettings
from bratseval.extras import PICTURE, require
from bratseval.files.atomic import replacing

CURVES: Final = "threshold_curves.png"
_NAMES: Final = {"dice": "lesion-wise Dice", "hd95": "lesion-wise HD95 in mm"}


@dataclass(frozen=True, eq=False)
class _Curve:
    """A line of the picture: the mean objective (*grid) of some cases, and the point that was chosen for them."""

    name: str
    means: Values
    point: Point
    colour: str | None
    width: float


def draw_threshold_curves(path: Path, tuned: Tuned, settings: TuningSettings) -> None:
    """Draw the change of the mean objective along each of the four thresholds, the others as chosen, into a PNG.

    A line for all cases and one for each cluster that has thresholds of its own; a dot
    where its choice is.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require(PICTURE)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    grid = settings.grid
    figure = Figure(figsize=(14, 4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 4, sharey=True)
    curves = _curves(tuned, settings.objective)
    for axis, name in enumerate(grid.removed):
        _draw_panel(panels[axis], axis, grid.sizes_mm3, curves)
        panels[axis].set_title(f"{name}: components removed below", fontsize=10)
        panels[axis].set_xlabel("mm³")
    _draw_panel(panels[-1], len(grid.removed), grid.ratios, curves)
    panels[-1].set_title("ET redefined below", fontsize=10)
    panels[-1].set_xlabel("part of WT")
    panels[0].set_ylabel(f"change of mean {_NAMES[settings.objective]}")
    panels[-1].legend(fontsize=8)
    figure.suptitle(_title(tuned, settings), fontsize=11)
    with replacing(path) as partial:
        figure.savefig(partial, dpi=110, format="png")


def _draw_panel(panel: Any, axis: int, scale: Sequence[float], curves: Sequence[_Curve]) -> None:
    for curve in curves:
        along = tuple(slice(None) if other == axis else step for other, step in enumerate(curve.point))
        change = curve.means[along] - curve.means[NOTHING]
        (line,) = panel.plot(scale, change, label=curve.name, color=curve.colour, linewidth=curve.width)
        chosen = curve.point[axis]
        panel.plot(scale[chosen], change[chosen], "o", color=line.get_color(), markersize=6)
    panel.axhline(0, color="grey", linewidth=0.8, linestyle=":")


def _title(tuned: Tuned, settings: TuningSettings) -> str:
    worth = tuned.choice.worth
    verdict = "thresholds are written" if worth.gain else "no gain, thresholds of 0 are written"
    return (
        f"{settings.edition.name}, {len(tuned.cases)} cases: before {worth.before:.4f}, "
        f"tuned {worth.tuned:.4f} (in-sample), leave-one-out {worth.leave_one_out:.4f}: {verdict}"
    )


def _curves(tuned: Tuned, objective: Objective) -> list[_Curve]:
    means = np.stack([case.table.means(objective) for case in tuned.cases])
    curves = [_Curve(f"all {len(means)} cases", means.mean(axis=0), tuned.choice.everyone.point, "black", 2.2)]
    for cluster, chosen in enumerate(tuned.choice.clusters):
        if chosen.own:
            own = [i for i, assigned in enumerate(tuned.assigned) if assigned.cluster == cluster]
            name = f"cluster {cluster} ({len(own)} cases)"
            curves.append(_Curve(name, means[own].mean(axis=0), chosen.point, None, 1.2))
    return curves
