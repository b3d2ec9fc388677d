"""A child process: one training of a campaign on two CPU processes instead of two GPUs.

Upstream's DDP takes for granted that there are GPUs; here its trainer is given CPUs,
and everything else is what a campaign with `gpus = 2` runs.
"""

import functools
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from nnunetv2.training.nnUNetTrainer import nnUNetTrainer as upstream  # noqa: N813 - a module named like its class
from torch.multiprocessing.spawn import spawn
from torch.nn.parallel import DistributedDataParallel

from bratseg.training.campaign import Campaign, read_campaign
from bratseg.training.fold import train_rank


def rank(number: int, campaign: Campaign, folder: Path, stage: str) -> None:
    first = upstream.nnUNetTrainer.__init__

    @functools.wraps(first)
    def on_cpu(self: Any, *arguments: Any, **named: Any) -> None:
        first(self, *arguments, **named)
        self.device, self.grad_scaler = torch.device("cpu"), None

    upstream.nnUNetTrainer.__init__ = on_cpu
    upstream.DDP = lambda network, device_ids: DistributedDataParallel(network)
    train_rank(number, 2, campaign, folder, stage, "gloo")


if __name__ == "__main__":
    source, folder, stage = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": sys.argv[4]}
    spawn(rank, (replace(read_campaign(source), gpus=2), folder, stage), nprocs=2)
