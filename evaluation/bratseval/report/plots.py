"""Plots of a report as SVG text: distributions of a value, and two submissions case by case."""

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

# Okabe and Ito's colours, distinct for colour-blind eyes; after the last the first comes again.
PALETTE: Final = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a6d3b", "#555555")
_JITTER: Final = 0.16  # of the points of a strip, to either side of its line
_ROW_INCHES: Final = 0.42


def distributions(values: Mapping[str, Mapping[str, NDArray[np.float64]]], unit: str, hrefs: Sequence[str]) -> str:
    """A panel for each region, in it a box and a strip for each submission, a point for each case.

    The box spans the quartiles, its line is the median, the diamond is the mean; NaN is
    left out. A point leads to its case.

    Args:
        values: by region, then by submission, one value a case.
        unit: what the axis says.
        hrefs: the page of each case; empty where there is none.
    """
    names = list(next(iter(values.values())))
    figure = _figure(3.6 * len(values), 1.1 + _ROW_INCHES * len(names))
    panels = figure.subplots(1, len(values), sharey=True, squeeze=False)[0]
    spread = np.random.default_rng(0).uniform(-_JITTER, _JITTER, len(hrefs))
    for axes, (region, rows) in zip(panels, values.items(), strict=True):
        for place, column in enumerate(rows.values()):
            _row(axes, place, column, spread, hrefs, PALETTE[place % len(PALETTE)])
        axes.set_title(region, parse_math=False, fontsize=10, loc="left")
        axes.set_xlabel(unit, parse_math=False)
        axes.grid(axis="x", color="#d1d9e0", linewidth=0.6)
        axes.set_axisbelow(True)
    panels[0].set_yticks(range(len(names)))
    panels[0].set_yticklabels([_short(name) for name in names], parse_math=False)
    panels[0].set_ylim(len(names) - 0.4, -0.6)
    return _svg(figure)


def case_by_case(
    first: NDArray[np.float64], second: NDArray[np.float64], names: tuple[str, str], unit: str, hrefs: Sequence[str]
) -> str:
    """Two submissions: each case as a point of both values, and the sorted differences; points and bars lead to cases.

    Args:
        first, second: one value a case; cases where either is NaN are left out.
        names: of the submissions.
        unit: what the values are.
        hrefs: the page of each case; empty where there is none.
    """
    there = np.flatnonzero(~np.isnan(first) & ~np.isnan(second))
    figure = _figure(9.6, 4.0)
    scatter, bars = figure.subplots(1, 2, width_ratios=(1, 1.4))
    points = scatter.scatter(first[there], second[there], s=22, color=PALETTE[0], alpha=0.75, linewidths=0)
    points.set_urls([hrefs[int(i)] or None for i in there])
    low = float(min(first[there].min(initial=0.0), second[there].min(initial=0.0)))
    high = float(max(first[there].max(initial=low + 1e-9), second[there].max(initial=low + 1e-9)))
    scatter.plot([low, high], [low, high], color="#59636e", linewidth=0.8)
    scatter.set_xlabel(f"{_short(names[0])}: {unit}", parse_math=False)
    scatter.set_ylabel(f"{_short(names[1])}: {unit}", parse_math=False)
    change = second[there] - first[there]
    order = np.argsort(change, kind="stable")
    colours = [PALETTE[0] if change[i] >= 0 else PALETTE[5] for i in order]
    for place, i in enumerate(order):
        (bar,) = bars.bar(place, change[i], color=colours[place], width=0.9)
        bar.set_url(hrefs[int(there[i])] or None)
    bars.axhline(0, color="#59636e", linewidth=0.8)
    bars.set_xticks([])
    bars.set_xlabel("cases, by difference")
    bars.set_ylabel(f"{unit}: second less first", parse_math=False)
    return _svg(figure)


def _row(
    axes: Any, place: int, column: NDArray[np.float64], spread: NDArray[np.float64], hrefs: Sequence[str], colour: str
) -> None:
    there = np.flatnonzero(~np.isnan(column))
    if not len(there):
        return
    axes.boxplot(
        column[there],
        positions=[place],
        orientation="horizontal",
        widths=0.56,
        showfliers=False,
        showmeans=True,
        manage_ticks=False,
        medianprops={"color": "#1b1f24", "linewidth": 1.4},
        meanprops={"marker": "D", "markersize": 4, "markerfacecolor": "#ffffff", "markeredgecolor": "#1b1f24"},
        boxprops={"color": "#59636e"},
        whiskerprops={"color": "#59636e"},
        capprops={"color": "#59636e"},
    )
    points = axes.scatter(column[there], place + spread[there], s=9, color=colour, alpha=0.65, linewidths=0, zorder=3)
    points.set_urls([hrefs[int(i)] or None for i in there])


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _svg(figure: Any) -> str:
    """The figure as an `svg` element; text stays text, and nothing in it depends on when it was made."""
    import matplotlib

    text = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "report", "font.family": "sans-serif"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue().split("?>", 1)[1].split('svg11.dtd">', 1)[-1].strip()


def _short(name: str) -> str:
    """A name that fits beside a plot and that XML can hold."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in name)
    return plain if len(plain) <= 28 else f"{plain[:27]}…"
