"""The networks of the default weights: architectures, preprocessing, outputs, and the settings of a training."""

from dataclasses import asdict, dataclass
from typing import Final

from bratseg.models.member import (
    MedNeXtArchitecture,
    MemberDescription,
    Network,
    Normalization,
    Outputs,
    Preprocessing,
    Resampling,
)
from bratseval.challenge import MODALITIES

FIRST_SEED: Final = 1_000_000  # of the phantoms trained on; tests and demonstrations stay below
FOLD: Final = "fold_0.safetensors"
# A U-Net sees most of a brain at once; MedNeXt, slower a voxel, takes smaller tiles and more of them.
PATCHES: Final[dict[Network, tuple[int, int, int]]] = {"nnunet": (64, 80, 64), "mednext": (48, 64, 48)}
_WIDTHS: Final = (16, 32, 64, 128, 128)
MEDNEXT: Final = MedNeXtArchitecture(16, 3, (1,) * 9, (2, 2, 2, 2, 2, 2, 2, 2, 2))
UNET: Final = {
    "class": "PlainConvUNet",
    "kwargs": {
        "n_stages": len(_WIDTHS),
        "features_per_stage": list(_WIDTHS),
        "conv_op": "torch.nn.Conv3d",
        "kernel_sizes": [[3, 3, 3]] * len(_WIDTHS),
        "strides": [[1, 1, 1]] + [[2, 2, 2]] * (len(_WIDTHS) - 1),
        "n_conv_per_stage": [1] + [2] * (len(_WIDTHS) - 1),
        "n_conv_per_stage_decoder": [1] * (len(_WIDTHS) - 1),
        "conv_bias": True,
        "norm_op": "torch.nn.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    },
}
# Half of BraTS's resolution: a case takes seconds on a CPU, and both networks learn within an hour.
RECIPE: Final = Preprocessing(
    orientation="LPS",
    transpose=(0, 1, 2),
    spacing_mm=(2.0, 2.0, 2.0),
    normalization=(Normalization("ZScoreNormalization", use_mask=True),) * len(MODALITIES),
    resample_image=Resampling(order=3, order_z=0, force_separate_z=None),
    resample_output=Resampling(order=1, order_z=0, force_separate_z=None),
)
OUTPUTS: Final = Outputs("regions", ((1, 2, 3), (1, 3), (3,)), (2, 1, 3))


@dataclass(frozen=True)
class Settings:
    """What decides a training.

    Attributes:
        seed: of the first weights and of every draw.
        minutes: of training, including the making of phantoms; the learning rate falls to 0 over them.
        iterations: stop after so many instead; then a seed gives the same weights on the same machine.
        patch_size: (z, y, x).
        ema: decay of the moving average of the weights, which is what is kept.
        phantoms: how many take part in the end; one more every `steps_a_phantom` iterations.
        save_every: iterations between two saved states.
        processes: that make phantoms.
    """

    network: Network
    seed: int = 0
    minutes: float = 30.0
    iterations: int | None = None
    patch_size: tuple[int, int, int] = (64, 80, 64)
    batch: int = 1
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    ema: float = 0.995
    first_phantoms: int = 150
    phantoms: int = 600
    steps_a_phantom: int = 10
    save_every: int = 50
    processes: int = 2


def describe(settings: Settings, iterations: int, seconds: float) -> MemberDescription:
    """The member.json of a network after so many iterations and seconds of training."""
    return MemberDescription(
        network=settings.network,
        architecture=UNET if settings.network == "nnunet" else MEDNEXT,
        inputs=MODALITIES,
        outputs=OUTPUTS,
        patch_size=settings.patch_size,
        preprocessing=RECIPE,
        mirror_axes=(2,),
        fold_mean="logits",
        folds=(FOLD,),
        provenance={
            "data": "procedural phantoms, none of them of a person",
            "settings": asdict(settings),
            "iterations": iterations,
            "seconds": round(seconds),
            "first_seed": FIRST_SEED,
        },
    )


def seeds_of(settings: Settings, iteration: int) -> range:
    """The seeds of the phantoms that take part at an iteration."""
    count = min(settings.phantoms, settings.first_phantoms + iteration // settings.steps_a_phantom)
    return range(FIRST_SEED, FIRST_SEED + count)
