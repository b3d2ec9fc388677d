"""Pictures of folds: the silhouette for each number of clusters, and each stratum's cases beside random folds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from bratseg.folds.balance import Balance
from bratseg.folds.split import NO_FEATURES
from bratseval.files.atomic import replacing

_INK: Final = "#222222"
_OURS: Final = "#0072b2"  # Okabe and Ito's colours, distinguishable for colour-blind eyes
_RANDOM: Final = "#d9d9d9"
_CHOSEN: Final = "#d55e00"
_DPI: Final = 130


def stratum_name(stratum: int) -> str:
    """A stratum as people read it: clusters are counted from 0."""
    return "no features" if stratum == NO_FEATURES else f"cluster {stratum}"


def draw_silhouettes(path: Path, silhouettes: Mapping[int, float], cases: int) -> None:
    """Write a PNG: the mean silhouette of each k that was tried, at least one, with the best marked."""
    figure = _figure(6.4, 3.8)
    axes = figure.subplots()
    counts = sorted(silhouettes)
    axes.plot(counts, [silhouettes[count] for count in counts], color=_OURS, marker="o", markersize=5)
    chosen = max(counts, key=lambda count: (silhouettes[count], -count))
    best = silhouettes[chosen]
    axes.plot([chosen], [best], "o", color=_CHOSEN, markersize=11, fillstyle="none", markeredgewidth=2)
    side = -12 if chosen > np.mean(counts) else 12
    axes.annotate(
        f"chosen: {chosen} clusters, {best:.2f}",
        (chosen, best),
        xytext=(side, 10),
        textcoords="offset points",
        color=_CHOSEN,
        ha="left" if side > 0 else "right",
    )
    axes.set_xticks(counts)
    axes.margins(y=0.25)
    axes.set_xlabel("number of clusters k")
    axes.set_ylabel("mean silhouette")
    axes.set_title(f"How clearly {cases} cases fall into k clusters", loc="left")
    _save(figure, path)


def draw_balance(path: Path, balances: Mapping[int, Balance], volumes_ml: Sequence[Sequence[float]]) -> None:
    """Write a PNG: each stratum's cases in each fold beside random folds; below, the tumours' volumes in each fold.

    Args:
        volumes_ml: for each fold the whole tumours' volumes in ml, of the cases that have features.
    """
    figure = _figure(max(7.0, 2.0 + 1.15 * len(balances)), 7.2)
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 2))
    _draw_strata(upper, balances)
    _draw_volumes(lower, volumes_ml)
    _save(figure, path)


def _draw_strata(axes: Any, balances: Mapping[int, Balance]) -> None:
    for place, balance in enumerate(balances.values()):
        low, high = balance.random_interval
        wide = (place - 0.42, place + 0.42)
        labels: tuple[str | None, ...] = ("95 % of random folds", "share", f"folds 0 to {len(balance.counts) - 1}")
        if place:  # the legend names each once
            labels = (None, None, None)
        axes.fill_between(wide, low, high, color=_RANDOM, linewidth=0, label=labels[0])
        axes.plot(wide, (balance.share,) * 2, color=_INK, linewidth=1.2, label=labels[1])
        where = place + np.linspace(-0.3, 0.3, len(balance.counts))
        axes.plot(where, balance.counts, "o", color=_OURS, markersize=6, clip_on=False, label=labels[2])
    axes.set_xticks(
        range(len(balances)),
        [f"{stratum_name(stratum)}\nn = {balance.counts.sum()}" for stratum, balance in balances.items()],
    )
    axes.set_ylim(bottom=0, top=1.18 * max(max(b.random_interval[1], b.counts.max()) for b in balances.values()) + 0.5)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_ylabel("cases in a fold")
    axes.set_title("Cases of each cluster in each fold, beside random folds", loc="left")
    axes.legend(loc="upper right", ncols=3, frameon=False, fontsize=9)


def _draw_volumes(axes: Any, volumes_ml: Sequence[Sequence[float]]) -> None:
    generator = np.random.default_rng(0)
    for fold, volumes in enumerate(volumes_ml):
        where = fold + generator.uniform(-0.22, 0.22, len(volumes))
        axes.plot(where, volumes, "o", color=_OURS, markersize=3.5, alpha=0.45, markeredgewidth=0)
        if len(volumes):
            axes.plot((fold - 0.3, fold + 0.3), (float(np.median(volumes)),) * 2, color=_CHOSEN, linewidth=2)
            axes.annotate(
                f"{np.median(volumes):.3g}",
                (fold + 0.33, float(np.median(volumes))),
                color=_CHOSEN,
                va="center",
                fontsize=9,
            )
    axes.set_xticks(range(len(volumes_ml)), [f"fold {fold}\nn = {len(v)}" for fold, v in enumerate(volumes_ml)])
    axes.set_xlim(-0.6, len(volumes_ml) - 0.4)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("ml")
    axes.set_title("Volumes of the largest lesions, with each fold's median", loc="left")


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _save(figure: Any, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    with replacing(path) as partial:
        figure.savefig(partial, dpi=_DPI, format="png")
