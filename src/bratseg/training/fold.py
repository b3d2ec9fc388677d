"""Trains one fold of one network on one domain, from the start or from its last checkpoint."""

import json
import os
import random
import socket
from pathlib import Path

import numpy as np
import torch
from torch.backends import cudnn
from torch.multiprocessing.spawn import spawn

from bratseg.training.campaign import Campaign, read_campaign
from bratseg.training.layout import BEST, CONFIGURATIONS, FINAL, LATEST, PLANS, Layout
from bratseg.training.mednext_trainer import MedNeXtTrainer
from bratseg.training.nnunet_trainer import CampaignTrainer
from bratseg.training.stages import Stage, pretrained_fold, stages_of
from bratseg.weights.convert.restricted_reader import load_checkpoint


def train_fold(source: Path, folder: Path, stage: str) -> None:
    """Train until `checkpoint_final.pth` is there; several GPUs share a batch as upstream's DDP does.

    Args:
        source: the campaign file.
        folder: the campaign's.
        stage: name of the training.
    """
    campaign = read_campaign(source)
    if campaign.gpus == 1:
        _train(campaign, folder, stage)
        return
    os.environ["MASTER_ADDR"] = "localhost"
    os.environ["MASTER_PORT"] = str(_free_port())
    spawn(  # type: ignore[no-untyped-call]  # torch leaves it untyped
        train_rank, (campaign.gpus, campaign, folder, stage, "nccl"), nprocs=campaign.gpus
    )


def train_rank(rank: int, ranks: int, campaign: Campaign, folder: Path, stage: str, backend: str) -> None:
    """One process of several that train together."""
    torch.distributed.init_process_group(backend, rank=rank, world_size=ranks)
    try:
        if backend == "nccl":
            torch.cuda.set_device(rank)
        _train(campaign, folder, stage)
    finally:
        torch.distributed.destroy_process_group()


def _train(campaign: Campaign, folder: Path, name: str) -> None:
    layout = Layout(folder)
    stage = next(stage for stage in stages_of(campaign, layout) if stage.name == name)
    _set_up(campaign)
    checkpoint = _checkpoint_of(stage)
    trainer = _trainer(campaign, layout, stage, resumes=checkpoint is not None)
    if checkpoint is not None:
        trainer.load_checkpoint(str(checkpoint))
        trainer.print_to_log_file(f"going on after epoch {trainer.current_epoch} from {checkpoint.name}")
    elif stage.domain == "finetune" and "pretrain" in campaign.data and stage.network is not None:
        pretrained = layout.fold("pretrain", stage.network, pretrained_fold(campaign, stage.fold)) / FINAL
        trainer.start_from(load_checkpoint(pretrained)["network_weights"])
        trainer.print_to_log_file(f"starting from {pretrained}, heads included")
    trainer.run_training()


def _set_up(campaign: Campaign) -> None:
    random.seed(campaign.seed)
    np.random.seed(campaign.seed)
    torch.manual_seed(campaign.seed)
    if campaign.device == "cuda":
        torch.set_num_threads(1)
        cudnn.benchmark = True


def _trainer(campaign: Campaign, layout: Layout, stage: Stage, *, resumes: bool) -> CampaignTrainer:
    """The trainer, constructed directly: upstream's look-up by name imports packages that may not load."""
    network = stage.network or "nnunet"
    folder = layout.preprocessed(stage.domain)
    plans = json.loads((folder / f"{PLANS}.json").read_text("utf-8"))
    kind = MedNeXtTrainer if network == "mednext" else CampaignTrainer
    trainer = kind(
        plans={**plans, "continue_training": resumes},
        configuration=CONFIGURATIONS[network],
        fold="all" if stage.fold == "all" else int(stage.fold),
        dataset_json=json.loads((folder / "dataset.json").read_text("utf-8")),
        device=torch.device(campaign.device),
    )
    schedule = campaign.schedules[stage.domain]
    trainer.follow(schedule, schedule.learning_rate[network])
    return trainer


def _checkpoint_of(stage: Stage) -> Path | None:
    """The checkpoint that an interrupted training continues from; None where it starts."""
    found = [stage.product.with_name(name) for name in (LATEST, BEST)]
    return next((path for path in found if path.exists()), None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
    return port
