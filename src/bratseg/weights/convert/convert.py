"""The one converter: foreign checkpoints in, safetensors and JSON out, once.

The only place that opens a pickle, and only with torch's restricted reader: a checkpoint
that names anything but tensors and a few numpy scalars is refused, and runs nothing.
"""

import re
import shutil
from _pickle import UnpicklingError  # the class of torch's refusal; nothing is unpickled with this module
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from struct import error as StructError  # noqa: N812 - a class that its module names in lower case
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import torch
from numpy._core.multiarray import scalar
from torch.torch_version import TorchVersion

from bratseg.models.description import read_description, write_description
from bratseg.models.member import MemberDescription
from bratseg.models.networks import build_network
from bratseg.models.stored_tensors import check_fit, load_state, save_state
from bratseg.weights.convert.checkpoint import CheckpointWeights, find_weights
from bratseg.weights.convert.checkpoint_sidecar import read_sidecar
from bratseg.weights.convert.label_meanings import LabelMap, meaning_of, modalities_of
from bratseg.weights.convert.mednext_keys import topology_of
from bratseg.weights.convert.nnunet_plans import architecture_of, recipe_of, resolve_configuration
from bratseg.weights.folder import DESCRIPTION, add_member
from bratseval.challenge import Modality
from bratseval.errors import InputError, UsageError
from bratseval.files.json_fields import read_json
from bratseval.files.sha256 import sha256_of_file

# Older ones let crafted files run code even under weights_only (CVE-2025-32434, CVE-2026-24747).
SAFE_TORCH: Final = "2.10"
# Numpy scalars in nnU-Net's logs, under the module's name before and since numpy 2.
_ALLOWED: Final[list[Callable[..., Any] | tuple[Callable[..., Any], str]]] = [
    (scalar, "numpy._core.multiarray.scalar"),
    (scalar, "numpy.core.multiarray.scalar"),
    np.dtype,
    *(type(np.dtype(kind)) for kind in (np.float16, np.float32, np.float64, np.int32, np.int64, np.bool_)),
]


def convert_model_folder(
    source: Path,
    target: Path,
    *,
    name: str,
    share: float,
    licence: str,
    source_note: str,
    label_map: LabelMap | None = None,
    channels: Sequence[Modality] | None = None,
    folds: Sequence[str] | None = None,
    checkpoint: str = "checkpoint_final.pth",
) -> MemberDescription:
    """Add an nnU-Net v2 model folder to a weights folder as a member.

    The network is the plans' U-Net, or a MedNeXt where the tensors' names say so; the
    trainer's name does not matter.

    Args:
        source: holds dataset.json, plans.json and fold_*/`checkpoint`.
        target: the weights folder; made if it is not there, other members stay.
        name: of the member and its folder.
        share: its part of the mean.
        licence: of the weights.
        source_note: where they came from, for the manifest.
        label_map: the dataset's labels to BraTS's; None finds out.
        channels: modality of each channel in order; None reads their names.
        folds: such as 0 to 4 or all; None takes all numbered ones, else fold_all.

    Returns:
        The description as written.

    Raises:
        InputError: anything is missing, unsupported by name, or not safe to open.
    """
    paths = _fold_paths(source, folds, checkpoint)
    first = load_checkpoint(paths[0])
    weights = find_weights(first, paths[0])
    configuration = _configuration_of(first, paths[0])
    description = _describe_folder(source, first, weights, configuration, label_map, channels)
    description = replace(
        description,
        folds=tuple(f"{path.parent.name}.safetensors" for path in paths),
        provenance={"source": source_note, **description.provenance},
    )

    def folds_of() -> Iterable[CheckpointWeights]:
        yield weights
        for path in paths[1:]:
            loaded = load_checkpoint(path)
            if _configuration_of(loaded, path) != configuration:
                raise InputError(f"{path}: is of another configuration, expected {configuration}. Convert them apart.")
            yield find_weights(loaded, path)

    return _write_member(target, name, share, description, paths, folds_of(), licence)


def convert_checkpoint(
    sources: Sequence[Path],
    target: Path,
    *,
    name: str,
    share: float,
    licence: str,
    source_note: str,
    sidecar: Path,
) -> MemberDescription:
    """Add MedNeXt checkpoints to a weights folder as one member; sizes come from the tensors.

    Args:
        sources: one file a fold: v1's `.model`, a v2 trainer's `.pth`, a plain state dict,
            or safetensors. The pickle beside a `.model` is never read.
        target: the weights folder; made if it is not there, other members stay.
        name: of the member and its folder.
        share: its part of the mean.
        licence: of the weights.
        source_note: where they came from, for the manifest.
        geometry: JSON that says what no tensor tells, see `read_sidecar`; the usual
            `fold_mean` is probabilities for v1, which averages them, and logits otherwise.

    Returns:
        The description as written.

    Raises:
        InputError: anything is missing, unsupported by name, or not safe to open.
    """
    weights = _open(sources[0])
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
    description = MemberDescription(
        network="mednext",
        architecture=architecture,
        inputs=beside.inputs,
        outputs=beside.outputs,
        patch_size=beside.patch_size,
        preprocessing=beside.preprocessing,
        mirror_axes=beside.mirror_axes,
        fold_mean=beside.fold_mean,
        folds=tuple(f"fold_{number}.safetensors" for number in range(len(sources))),
        provenance={"source": source_note, "kind": weights.kind},
    )
    folds = (weights if path == sources[0] else _open(path) for path in sources)
    return _write_member(target, name, share, description, sources, folds, licence)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What a checkpoint holds, read by torch's restricted reader.

    Raises:
        InputError: it names a global that is not allowed (nothing of it is run), is damaged,
            is no table, or torch is too old to be safe.
    """
    if TorchVersion(torch.__version__) < SAFE_TORCH:
        raise InputError(
            f"torch: is {torch.__version__}, expected {SAFE_TORCH} or newer to open checkpoints. Update it."
        )
    try:
        with torch.serialization.safe_globals(_ALLOWED):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"{path}: is not there. Check the path.") from error
    except UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        what = f"names {named[1]}" if named else f"is not readable safely ({str(error).splitlines()[0]})"
        raise InputError(
            f"{path}: {what}, expected tensors and numbers only. It was refused and nothing of it was run."
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, LookupError, TypeError, BadZipFile, StructError) as error:
        raise InputError(f"{path}: is no checkpoint or is damaged, {error}. Take it from its source again.") from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: holds a {type(found).__name__}, expected a table of tensors. Take another file.")
    return found


def _open(path: Path) -> CheckpointWeights:
    return find_weights(load_state(path) if path.suffix == ".safetensors" else load_checkpoint(path), path)


def _describe_folder(
    source: Path,
    first: Mapping[str, Any],
    weights: CheckpointWeights,
    configuration_name: str,
    label_map: LabelMap | None,
    channels: Sequence[Modality] | None,
) -> MemberDescription:
    """The description of a model folder, without its folds."""
    plans_path, dataset_path = source / "plans.json", source / "dataset.json"
    plans, dataset = _table(plans_path), _table(dataset_path)
    configuration = resolve_configuration(plans, configuration_name, plans_path)
    labels = dataset.get("labels")
    if not isinstance(labels, dict):
        raise InputError(f"{dataset_path}: has no table of labels, expected one. Take the model's own file.")
    meaning = meaning_of(labels, dataset.get("regions_class_order"), label_map, dataset_path)
    names = _channel_names(dataset)
    inputs = tuple(channels) if channels else modalities_of(names, dataset_path)
    architecture = (
        topology_of(weights.state, source)[0] if weights.mednext else architecture_of(configuration, plans_path)
    )
    return MemberDescription(
        network="mednext" if weights.mednext else "nnunet",
        architecture=architecture,
        inputs=inputs,
        outputs=meaning.outputs,
        patch_size=tuple(int(edge) for edge in configuration["patch_size"]),
        preprocessing=recipe_of(plans, configuration, len(inputs), plans_path),
        mirror_axes=tuple(int(axis) for axis in first.get("inference_allowed_mirroring_axes") or ()),
        fold_mean="logits",
        folds=(),
        provenance={
            "kind": f"nnU-Net v2 model folder, {weights.kind}",
            "dataset": str(plans.get("dataset_name")),
            "plans": str(plans.get("plans_name")),
            "configuration": configuration_name,
            "trainer": str(first.get("trainer_name")),
            "channels": list(names),
            "label_map": {str(label): meant for label, meant in meaning.label_map.items()},
            "label_map_reason": meaning.reason,
        },
    )


def _write_member(
    target: Path,
    name: str,
    share: float,
    description: MemberDescription,
    sources: Sequence[Path],
    folds: Iterable[CheckpointWeights],
    licence: str,
) -> MemberDescription:
    """Convert fold by fold into a folder that is put in place whole, then list it."""
    if not name or Path(name).name != name or name.startswith("."):
        raise UsageError(f"--name: is {name!r}, expected a plain folder name. Choose another.")
    network = build_network(description)
    hashes = {}
    partial = target / f".{name}.part"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        for source, fold, found in zip(sources, description.folds, folds, strict=True):
            check_fit(network, found.state, source)
            save_state(partial / fold, found.state)
            hashes[fold] = {"file": source.name, "sha256": sha256_of_file(source)}
        description = replace(description, provenance={**description.provenance, "folds": hashes})
        write_description(partial / DESCRIPTION, description)
        read_description(partial / DESCRIPTION)  # what the run time would refuse is refused now
        shutil.rmtree(target / name, ignore_errors=True)
        partial.rename(target / name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    add_member(target, name, share, source=str(description.provenance["source"]), licence=licence)
    return description


def _fold_paths(source: Path, folds: Sequence[str] | None, checkpoint: str) -> list[Path]:
    if folds is None:
        found = sorted(path.parent for path in source.glob(f"fold_*/{checkpoint}"))
        paths = [path for path in found if path.name != "fold_all"] or found
    else:
        paths = [source / f"fold_{fold}" for fold in folds]
    missing = [str(path / checkpoint) for path in paths if not (path / checkpoint).is_file()]
    if missing or not paths:
        raise InputError(
            f"{source}: has no {', '.join(missing) or f'fold_*/{checkpoint}'}, expected a checkpoint in every fold. "
            "Check the folder, --folds and --checkpoint."
        )
    return [path / checkpoint for path in paths]


def _configuration_of(checkpoint: Mapping[str, Any], path: Path) -> str:
    found = checkpoint.get("init_args")
    if not isinstance(found, dict) or not isinstance(found.get("configuration"), str):
        raise InputError(f"{path}: does not name its configuration, expected a checkpoint of nnU-Net v2. Take another.")
    return str(found["configuration"])


def _channel_names(dataset: Mapping[str, Any]) -> tuple[str, ...]:
    """Channel names in channel order; `modality` is what dataset.json called them first."""
    found = dataset.get("channel_names", dataset.get("modality", {}))
    return tuple(str(found[key]) for key in sorted(found, key=int)) if isinstance(found, dict) else ()


def _table(path: Path) -> dict[str, Any]:
    found = read_json(path)
    if not isinstance(found, dict):
        raise InputError(f"{path}: is no table, expected nnU-Net's keys. Take the file from its source again.")
    return found
