"""nnU-Net's trainer with the schedule of a campaign."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from torch._dynamo import OptimizedModule

from bratseg.training.campaign import Schedule
from bratseg.training.layout import HISTORY
from bratseg.training.records import write_json
from bratseg.weights.convert.restricted_reader import load_checkpoint

_LOGGED = {
    "train_loss": "train_losses",
    "validation_loss": "val_losses",
    "pseudo_dice": "mean_fg_dice",
    "learning_rate": "lrs",
}


class CampaignTrainer(nnUNetTrainer):  # type: ignore[misc]  # upstream publishes no types
    """Upstream's trainer with a campaign's schedule, whole checkpoints and a history that people can read.

    Its constructor is upstream's: checkpoints keep its arguments. Everything else is set by `follow`.
    """

    def follow(self, schedule: Schedule, learning_rate: float) -> None:
        """Train by this schedule; before `initialize`."""
        self.num_epochs = schedule.epochs
        self.num_iterations_per_epoch = schedule.iterations
        self.num_val_iterations_per_epoch = schedule.validation_iterations
        self.save_every = schedule.save_every
        self.initial_lr = learning_rate

    def start_from(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Start with all tensors of another training, heads included, because the regions are the same.

        Upstream's own transfer leaves the heads out.
        """
        if not self.was_initialized:
            self.initialize()
        self._bare_network().load_state_dict(weights)

    def load_checkpoint(self, filename_or_checkpoint: str) -> None:
        """Continue from a checkpoint, read by torch's restricted reader instead of being unpickled."""
        found: dict[str, Any] = load_checkpoint(Path(filename_or_checkpoint))
        if not self.was_initialized:
            self.initialize()
        self._bare_network().load_state_dict(found["network_weights"])
        self.optimizer.load_state_dict(found["optimizer_state"])
        if self.grad_scaler is not None and found["grad_scaler_state"] is not None:
            self.grad_scaler.load_state_dict(found["grad_scaler_state"])
        self.my_init_kwargs = found["init_args"]
        self.current_epoch = found["current_epoch"]
        self.logger.load_checkpoint(found["logging"])
        self._best_ema = found["_best_ema"]
        self.inference_allowed_mirroring_axes = found["inference_allowed_mirroring_axes"]

    def save_checkpoint(self, filename: str) -> None:
        """Write the file beside its place first, so that a kill while writing leaves the last checkpoint intact."""
        if self.local_rank != 0:
            return
        partial = Path(f"{filename}.part")
        super().save_checkpoint(str(partial))
        partial.replace(filename)

    def on_epoch_end(self) -> None:
        """As upstream; also write the history as JSON."""
        super().on_epoch_end()
        if self.local_rank == 0:
            write_json(Path(self.output_folder) / HISTORY, self._history())

    def plot_network_architecture(self) -> None:
        """Do nothing: upstream's plot needs a package that is not installed."""

    def _save_debug_information(self) -> None:
        """Do nothing: upstream writes the machine's name; everything else is in the campaign's folder."""

    def _history(self) -> list[dict[str, float]]:
        epochs = len(self.logger.get_value("val_losses", step=None))
        starts = self.logger.get_value("epoch_start_timestamps", step=None)
        ends = self.logger.get_value("epoch_end_timestamps", step=None)
        columns = {name: self.logger.get_value(key, step=None) for name, key in _LOGGED.items()}
        rows = [
            {
                "epoch": epoch,
                **{name: float(values[epoch]) for name, values in columns.items()},
                "seconds": ends[epoch] - starts[epoch],
            }
            for epoch in range(epochs)
        ]
        found: list[dict[str, float]] = json.loads(json.dumps(rows))
        return found

    def _bare_network(self) -> torch.nn.Module:
        network = self.network.module if self.is_ddp else self.network
        bare: torch.nn.Module = network._orig_mod if isinstance(network, OptimizedModule) else network
        return bare
