"""Loss curves of all trainings of a campaign in one picture."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bratseg.training.layout import HISTORY
from bratseg.training.stages import Stage
from bratseval.extras import PICTURE, require
from bratseval.files.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_curves(path: Path, stages: Sequence[Stage]) -> bool:
    """Draw losses and the pseudo Dice of every training that has begun, a row for each domain and network.

    Args:
        path: of the PNG.
        stages: of the campaign; only trainings are drawn.

    Returns:
        Whether there was anything to draw.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    groups: dict[str, dict[str, list[dict[str, float]]]] = {}
    for stage in stages:
        history = _history(stage)
        if history:
            groups.setdefault(f"{stage.domain} {stage.network}", {})[stage.fold] = history
    if not groups:
        return False
    require(PICTURE)
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(10, 3 * len(groups)), layout="constrained")
        axes = figure.subplots(len(groups), 2, squeeze=False)
        for (title, folds), (losses, dice) in zip(groups.items(), axes, strict=True):
            _draw(losses, dice, title, folds)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            figure.savefig(partial, dpi=100, format="png")
    return True


def _draw(losses: "Axes", dice: "Axes", title: str, folds: dict[str, list[dict[str, float]]]) -> None:
    for number, (fold, history) in enumerate(folds.items()):
        epochs, colour = [row["epoch"] + 1 for row in history], f"C{number % 10}"
        losses.plot(epochs, [row["train_loss"] for row in history], colour, marker=".", label=f"fold {fold}, training")
        losses.plot(epochs, [row["validation_loss"] for row in history], colour, marker=".", linestyle="--")
        dice.plot(epochs, [row["pseudo_dice"] for row in history], colour, marker=".", label=f"fold {fold}")
    losses.set(title=f"{title}: loss (dashed: validation)", xlabel="epoch")
    dice.set(title=f"{title}: mean Dice of validation patches", xlabel="epoch", ylim=(0, 1))
    for axes in (losses, dice):
        axes.locator_params("x", integer=True)
    losses.legend(fontsize=7)
    dice.legend(fontsize=7)


def _history(stage: Stage) -> list[dict[str, float]]:
    if stage.kind != "train":
        return []
    try:
        found: list[dict[str, float]] = json.loads((stage.product.parent / HISTORY).read_text("utf-8"))
    except OSError:
        return []
    return found
