"""MedNeXt in nnU-Net's trainer: a network that a plans file can name, and its trainer."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypedDict, Unpack

import numpy as np
import torch
from monai.networks.blocks.mednext_block import MedNeXtOutBlock
from nnunetv2.training.loss.compound_losses import DC_and_BCE_loss
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss
from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
from torch.utils.checkpoint import checkpoint

from bratseg.models.member import MedNeXtArchitecture
from bratseg.models.networks import build_mednext
from bratseg.training.nnunet_trainer import CampaignTrainer

HEADS: Final = 5  # at full resolution and after each halving
_EPS: Final = 1e-4  # of AdamW; smaller ones overflow in half precision: github.com/MIC-DKFZ/MedNeXt


class Decoder(torch.nn.Module):
    """The switch through which upstream's trainer turns deep supervision on and off."""

    def __init__(self, *, deep_supervision: bool) -> None:
        super().__init__()
        self.deep_supervision = deep_supervision


class MedNeXtSizes(TypedDict):
    """The keywords of a plans file.

    Attributes:
        channels, kernel, blocks, expansion: see `MedNeXtArchitecture`.
        checkpointing: compute blocks again in the backward pass, to save memory.
        strides: read by upstream alone; the network always halves four times.
    """

    channels: int
    kernel: int
    blocks: Sequence[int]
    expansion: Sequence[int]
    checkpointing: bool
    strides: Sequence[Sequence[int]]


class MedNeXtNetwork(torch.nn.Module):
    """A MedNeXt with all heads, built from the keywords of a plans file, which upstream passes one by one.

    Args:
        input_channels, num_classes, deep_supervision: upstream's.
        sizes: the plans' `arch_kwargs`.
    """

    def __init__(
        self,
        input_channels: int,
        num_classes: int,
        deep_supervision: bool,
        **sizes: Unpack[MedNeXtSizes],
    ) -> None:
        super().__init__()
        channels = sizes["channels"]
        architecture = MedNeXtArchitecture(channels, sizes["kernel"], tuple(sizes["blocks"]), tuple(sizes["expansion"]))
        self.network = build_mednext(architecture, input_channels, num_classes)
        self.network.out_blocks = torch.nn.ModuleList(
            MedNeXtOutBlock(channels * 2**level, num_classes, dim="3d")  # type: ignore[no-untyped-call]  # MONAI
            for level in range(HEADS - 1, 0, -1)
        )
        self.decoder = Decoder(deep_supervision=deep_supervision)
        self.checkpointing = sizes["checkpointing"]

    def forward(self, images: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        """Logits; with deep supervision a list of five, the full resolution first, in training and evaluation."""
        network: Any = self.network
        features = network.stem(images)
        skipped = []
        for stage, down in zip(network.enc_stages, network.down_blocks, strict=True):
            features = self._run(stage, features)
            skipped.append(features)
            features = self._run(down, features)
        features = self._run(network.bottleneck, features)
        heads = []
        for head, up, stage in zip(network.out_blocks, network.up_blocks, network.dec_stages, strict=True):
            if self.decoder.deep_supervision:
                heads.append(head(features))
            features = self._run(stage, self._run(up, features) + skipped.pop())
        logits: torch.Tensor = network.out_0(features)
        return [logits, *reversed(heads)] if self.decoder.deep_supervision else logits

    def _run(self, part: Callable[[torch.Tensor], torch.Tensor], features: torch.Tensor) -> torch.Tensor:
        if self.checkpointing and self.training and torch.is_grad_enabled():
            outputs: torch.Tensor = checkpoint(part, features, use_reentrant=False)
            return outputs
        return part(features)


class MedNeXtTrainer(CampaignTrainer):
    """MedNeXt's own optimiser, and a loss for each of its five heads."""

    def configure_optimizers(self) -> tuple[torch.optim.Optimizer, PolyLRScheduler]:
        """AdamW as in MedNeXt's own trainer, with upstream's polynomial decay of the learning rate."""
        optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=self.initial_lr, weight_decay=self.weight_decay, eps=_EPS
        )
        return optimizer, PolyLRScheduler(optimizer, self.initial_lr, self.num_epochs)

    def _get_deep_supervision_scales(self) -> list[list[float]]:
        """Scales of all five heads; upstream's own are without the last."""
        return [[1 / 2**level] * 3 for level in range(HEADS)]

    def _build_loss(self) -> torch.nn.Module:
        """Dice and cross-entropy of the regions; each head weighs half of the finer one."""
        loss = DC_and_BCE_loss(
            {},
            {
                "batch_dice": self.configuration_manager.batch_dice,
                "do_bg": True,
                "smooth": 1e-5,
                "ddp": self.is_ddp,
            },
            use_ignore_label=False,
            dice_class=MemoryEfficientSoftDiceLoss,
        )
        if self._do_i_compile():
            loss.dc = torch.compile(loss.dc)
        weights = 0.5 ** np.arange(HEADS)
        wrapped: torch.nn.Module = DeepSupervisionWrapper(loss, weights / weights.sum())
        return wrapped
