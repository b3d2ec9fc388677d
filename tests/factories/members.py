"""Members whose predictions are known without any network."""

import numpy as np
from numpy.typing import NDArray

from bratseg.models.member import (
    MemberDescription,
    Normalization,
    OutOfDeviceMemory,
    Outputs,
    Preprocessing,
    Resampling,
)

REGIONS = Outputs("regions", ((1, 2, 3), (1, 3), (3,)), (2, 1, 3))
LABELS = Outputs("labels", ((0,), (1,), (2,), (3,)))


def description(
    outputs: Outputs = REGIONS, patch: tuple[int, ...] = (16, 16, 16), spacing: float = 1.0
) -> MemberDescription:
    return MemberDescription(
        network="nnunet",
        architecture={},
        inputs=("t1n", "t1c", "t2w", "t2f"),
        outputs=outputs,
        patch_size=patch,
        preprocessing=Preprocessing(
            orientation="LPS",
            transpose=(0, 1, 2),
            spacing_mm=(spacing,) * 3,
            normalization=(Normalization("NoNormalization", use_mask=False),) * 4,
            resample_image=Resampling(3, 0, None),
            resample_output=Resampling(1, 0, None),
        ),
        mirror_axes=(),
        fold_mean="logits",
        folds=("fold_0.safetensors",),
        provenance={},
    )


class Bright:
    """Finds the tumour where t2f (its fourth channel) is brighter than a threshold; TC and ET are empty."""

    def __init__(self, threshold: float = 250.0, about: MemberDescription | None = None, full: int = 0) -> None:
        self.description = about or description()
        self.threshold = threshold
        self.full = full  # how often its device has no memory
        self.steps = 0
        self.patches = 0

    def predict(self, patch: NDArray[np.float32]) -> NDArray[np.float32]:
        self.patches += 1
        if self.full > self.steps:
            raise OutOfDeviceMemory
        logits = np.full((3, *patch.shape[1:]), -20, dtype=np.float32)
        logits[0] = patch[3] - self.threshold
        return logits

    def step_down(self) -> str | None:
        self.steps += 1
        return f"step {self.steps}" if self.steps < 3 else None

    def close(self) -> None:
        pass
