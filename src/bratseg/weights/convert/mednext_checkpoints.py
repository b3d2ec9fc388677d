"""MedNeXt checkpoints, one a fold, as a member of a weights folder."""

from collections.abc import Sequence
from pathlib import Path

from bratseg.models.member import MemberDescription
from bratseg.models.stored_tensors import load_state
from bratseg.weights.convert.checkpoint import CheckpointWeights, find_weights
from bratseg.weights.convert.checkpoint_sidecar import read_sidecar
from bratseg.weights.convert.mednext_keys import topology_of
from bratseg.weights.convert.new_member import ConvertedFold, NewMember, write_member
from bratseg.weights.convert.restricted_reader import load_checkpoint
from bratseval.errors import InputError


def convert_checkpoints(
    sources: Sequence[Path], target: Path, member: NewMember, *, sidecar: Path
) -> MemberDescription:
    """Add MedNeXt checkpoints to a weights folder as one member; sizes come from the tensors.

    Args:
        sources: one file a fold: v1's `.model`, a v2 trainer's `.pth`, a plain state dict,
            or safetensors. The pickle beside a `.model` is never read.
        target: the weights folder; made if it is not there, other members stay.
        sidecar: JSON with what no tensor says, see `read_sidecar`; the usual
            `fold_mean` is probabilities for v1, which averages them, and logits otherwise.

    Returns:
        The description as written.

    Raises:
        InputError: anything is missing, unsupported by name, or not safe to open.
    """
    weights = _read(sources[0])
    description = _describe(weights, sources, sidecar)
    folds = (ConvertedFold(path, weights if path == sources[0] else _read(path)) for path in sources)
    return write_member(target, member, description, folds)


def _read(path: Path) -> CheckpointWeights:
    return find_weights(load_state(path) if path.suffix == ".safetensors" else load_checkpoint(path), path)


def _describe(weights: CheckpointWeights, sources: Sequence[Path], sidecar: Path) -> MemberDescription:
    """The description of a member, from the first fold's tensors and the sidecar."""
    if not weights.mednext:
        raise InputError(
            f"{sources[0]}: holds no MedNeXt, expected its tensors' names. For a U-Net give its model folder."
        )
    architecture, inputs, outputs = topology_of(weights.state, sources[0])
    beside = read_sidecar(sidecar, "probabilities" if weights.v1 else "logits")
    if (len(beside.inputs), len(beside.outputs.labels)) != (inputs, outputs):
        raise InputError(
            f"{sidecar}: is for {len(beside.inputs)} inputs and {len(beside.outputs.labels)} outputs, expected the "
            f"checkpoint's {inputs} and {outputs}. Correct the file."
        )
    return MemberDescription(
        network="mednext",
        architecture=architecture,
        inputs=beside.inputs,
        outputs=beside.outputs,
        patch_size=beside.patch_size,
        preprocessing=beside.preprocessing,
        mirror_axes=beside.mirror_axes,
        fold_mean=beside.fold_mean,
        folds=tuple(f"fold_{number}.safetensors" for number in range(len(sources))),
        provenance={"kind": weights.kind},
    )
