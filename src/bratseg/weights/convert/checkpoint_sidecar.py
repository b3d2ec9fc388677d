"""What no tensor of a bare checkpoint says: a JSON file beside it, with the keys of member.json."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, get_args

from bratseg.models.description import choice_of, read_inputs, read_outputs, read_recipe
from bratseg.models.member import FoldMean, Normalization, Outputs, Preprocessing, Resampling
from bratseval.challenge import Modality
from bratseval.files.json_fields import Fields, read_json

# nnU-Net v1 for BraTS, which the official MedNeXt package builds on.
_V1_RECIPE: Final = Preprocessing(
    orientation="LPS",
    transpose=(0, 1, 2),
    spacing_mm=(1.0, 1.0, 1.0),
    normalization=(),
    resample_image=Resampling(3, 0, None),
    resample_output=Resampling(1, 0, None),
)


@dataclass(frozen=True)
class CheckpointSidecar:
    """Inputs, outputs and how they are fed; the fields are those of `MemberDescription`."""

    inputs: tuple[Modality, ...]
    outputs: Outputs
    patch_size: tuple[int, ...]
    preprocessing: Preprocessing
    mirror_axes: tuple[int, ...]
    fold_mean: FoldMean


def read_sidecar(path: Path, usual_mean: FoldMean) -> CheckpointSidecar:
    """What stands in a JSON file.

    `inputs`, `outputs` and `patch_size` are wanted. `preprocessing` is nnU-Net v1's for
    BraTS if it is not given (1 mm, z-scores inside the brain), `mirror_axes` all three,
    `fold_mean` the usual one.

    Raises:
        InputError: a key is missing, unknown or out of range.
    """
    fields = Fields(path, read_json(path))
    inputs = read_inputs(fields)
    scheme = Normalization("ZScoreNormalization", use_mask=True)
    recipe = replace(_V1_RECIPE, normalization=(scheme,) * len(inputs))
    sidecar = CheckpointSidecar(
        inputs=inputs,
        outputs=read_outputs(fields.table("outputs")),
        patch_size=fields.integers("patch_size", 3, 16),
        preprocessing=read_recipe(fields.table("preprocessing")) if fields.has("preprocessing") else recipe,
        mirror_axes=fields.integers("mirror_axes") if fields.has("mirror_axes") else (0, 1, 2),
        fold_mean=choice_of(fields, "fold_mean", get_args(FoldMean)) if fields.has("fold_mean") else usual_mean,
    )
    fields.done()
    return sidecar
