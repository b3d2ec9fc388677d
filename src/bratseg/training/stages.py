"""The stages of a campaign, what each needs, and its status as the files show it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bratseg.models.member import Network
from bratseg.training.campaign import Campaign, Domain
from bratseg.training.layout import BEST, FINAL, HISTORY, LATEST, PLANS, Layout
from bratseval.errors import InputError

Kind = Literal["link", "fingerprint", "plan", "preprocess", "splits", "train"]
StageStatus = Literal["done", "interrupted", "ready", "waiting"]


@dataclass(frozen=True)
class Stage:
    """One child process of a campaign.

    Attributes:
        needs: names of the stages that must be done before.
        product: the file that is written last and at once; the stage is done when it is there.
        network, fold: of a training; None and empty otherwise.
    """

    name: str
    kind: Kind
    domain: Domain
    needs: tuple[str, ...]
    product: Path
    network: Network | None = None
    fold: str = ""


def stages_of(campaign: Campaign, layout: Layout) -> tuple[Stage, ...]:
    """All stages in an order in which they can run."""
    return (*_preparation(campaign, layout), *_trainings(campaign, layout))


def _preparation(campaign: Campaign, layout: Layout) -> list[Stage]:
    stages = []
    for domain in campaign.data:
        raw, preprocessed = layout.raw(domain), layout.preprocessed(domain)
        stages += [
            Stage(f"link-{domain}", "link", domain, (), raw / "cases.json"),
            Stage(
                f"fingerprint-{domain}",
                "fingerprint",
                domain,
                (f"link-{domain}",),
                preprocessed / "fingerprinted.json",
            ),
        ]
    fingerprints = tuple(stage.name for stage in stages if stage.kind == "fingerprint")
    plans = layout.preprocessed(next(iter(campaign.data))) / f"{PLANS}.json"  # the pretraining one is written last
    stages.append(Stage("plan", "plan", "finetune", fingerprints, plans))
    for domain in campaign.data:
        product = layout.preprocessed(domain) / "preprocessed.json"
        stages.append(Stage(f"preprocess-{domain}", "preprocess", domain, ("plan",), product))
        if campaign.schedules[domain].folds != ("all",):
            stages.append(Stage(f"splits-{domain}", "splits", domain, (f"link-{domain}",), layout.splits(domain)))
    return stages


def _trainings(campaign: Campaign, layout: Layout) -> list[Stage]:
    stages = []
    for domain in campaign.data:
        schedule = campaign.schedules[domain]
        for network in campaign.networks:
            for fold in schedule.folds:
                needs = [f"preprocess-{domain}"]
                needs += [f"splits-{domain}"] if schedule.folds != ("all",) else []
                if domain == "finetune" and "pretrain" in campaign.data:
                    needs.append(f"pretrain-{network}-{pretrained_fold(campaign, fold)}")
                product = layout.fold(domain, network, fold) / FINAL
                name = f"{domain}-{network}-{fold}"
                stages.append(Stage(name, "train", domain, tuple(needs), product, network, fold))
    return stages


def pretrained_fold(campaign: Campaign, fold: str) -> str:
    """The pretraining fold that a fine-tuning fold starts from."""
    return "all" if campaign.schedules["pretrain"].folds == ("all",) else fold


def status_of(stage: Stage, stages: Sequence[Stage]) -> StageStatus:
    """A stage's status, from the files alone."""
    if stage.product.exists():
        return "done"
    if stage.kind == "train" and any((stage.product.parent / name).exists() for name in (LATEST, BEST)):
        return "interrupted"
    products = {other.name: other.product for other in stages}
    return "ready" if all(products[name].exists() for name in stage.needs) else "waiting"


def epochs_of(stage: Stage) -> int:
    """The epochs that a training has finished; 0 where there is no history yet."""
    try:
        history = json.loads((stage.product.parent / HISTORY).read_text("utf-8"))
    except (OSError, ValueError):
        return 0
    return len(history) if isinstance(history, list) else 0


def named_stages(stages: Sequence[Stage], names: Sequence[str]) -> tuple[Stage, ...]:
    """The stages of some names: whole ones, or parts up to a hyphen such as `finetune-mednext`.

    Raises:
        InputError: a name is that of no stage.
    """
    unknown = [name for name in names if not any(_has_name(stage, name) for stage in stages)]
    if unknown:
        raise InputError(
            f"--only: names {', '.join(unknown)}, expected stages such as {', '.join(s.name for s in stages)}. "
            "`bratseg train --plan` lists them."
        )
    return tuple(stage for stage in stages if any(_has_name(stage, name) for name in names))


def _has_name(stage: Stage, name: str) -> bool:
    return stage.name == name or stage.name.startswith(f"{name}-")
