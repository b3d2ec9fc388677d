"""How the objective changes along each threshold, as a picture; matplotlib is loaded when one is drawn."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from bratseg.tuning.cases import GRID, Rules
from bratseg.tuning.grid import REMOVED, Point
from bratseg.tuning.run import Tuned
from bratseg.tuning.search import Values
from bratseval.extras import PICTURE, require
from bratseval.files.atomic import replacing

LANDSCAPE: Final = "threshold_landscape.png"
_NAMES: Final = {"dice": "lesion-wise Dice", "hd95": "lesion-wise HD95 in mm"}


def draw_landscape(path: Path, tuned: Tuned, rules: Rules) -> None:
    """Draw the change of the mean objective along each of the four thresholds, the others as chosen, into a PNG.

    A line for all cases and one for each cluster that has thresholds of its own; a dot
    where its choice is.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require(PICTURE)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 4, sharey=True)
    titles = [f"{name}: components removed below" for name in REMOVED[rules.mode]] + ["ET redefined below"]
    units = ["mm³"] * 3 + ["part of WT"]
    scales = [GRID.sizes_mm3] * 3 + [GRID.ratios]
    for axis, (panel, title, unit, scale) in enumerate(zip(panels, titles, units, scales, strict=True)):
        for name, means, point in _lines(tuned, rules):
            along = tuple(slice(None) if other == axis else point[other] for other in range(4))
            change = means[along] - means[0, 0, 0, 0]
            everyone = name.startswith("all")
            (line,) = panel.plot(
                scale, change, label=name, color="black" if everyone else None, linewidth=2.2 if everyone else 1.2
            )
            panel.plot(scale[point[axis]], change[point[axis]], "o", color=line.get_color(), markersize=6)
        panel.axhline(0, color="grey", linewidth=0.8, linestyle=":")
        panel.set_title(title, fontsize=10)
        panel.set_xlabel(unit)
    panels[0].set_ylabel(f"change of mean {_NAMES[rules.objective]}")
    panels[-1].legend(fontsize=8)
    worth = tuned.choice.worth
    verdict = "thresholds are written" if worth.gain else "no gain, thresholds of 0 are written"
    figure.suptitle(
        f"{rules.edition.name}, {len(tuned.rows)} cases: before {worth.before:.4f}, "
        f"tuned {worth.tuned:.4f} (in-sample), left out {worth.left_out:.4f}: {verdict}",
        fontsize=11,
    )
    with replacing(path) as partial:
        figure.savefig(partial, dpi=110, format="png")


def _lines(tuned: Tuned, rules: Rules) -> Iterator[tuple[str, Values, Point]]:
    means = np.stack([row.table.means(rules.objective) for row in tuned.rows])
    yield f"all {len(means)} cases", means.mean(axis=0), tuned.choice.everyone.point
    for cluster, chosen in enumerate(tuned.choice.clusters):
        if chosen.own:
            own = [i for i, assigned in enumerate(tuned.assigned) if assigned == cluster]
            yield f"cluster {cluster} ({len(own)} cases)", means[own].mean(axis=0), chosen.point
