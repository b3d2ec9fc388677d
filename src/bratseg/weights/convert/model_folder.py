"""An nnU-Net v2 model folder as a member of a weights folder."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bratseg.models.member import MedNeXtArchitecture, MemberDescription
from bratseg.weights.convert.checkpoint import CheckpointWeights, find_weights
from bratseg.weights.convert.label_meanings import LabelMap, Meaning, meaning_of, modalities_of
from bratseg.weights.convert.mednext_keys import topology_of
from bratseg.weights.convert.new_member import ConvertedFold, NewMember, write_member
from bratseg.weights.convert.nnunet_plans import architecture_of, recipe_of, resolve_configuration
from bratseg.weights.convert.restricted_reader import load_checkpoint
from bratseval.challenge import Modality
from bratseval.errors import InputError
from bratseval.files.json_fields import read_json


@dataclass(frozen=True)
class ModelFolder:
    """What is taken of a model folder.

    Attributes:
        path: holds dataset.json, plans.json and fold_*/`checkpoint`.
        folds: such as 0 to 4 or all; None takes all numbered ones, else fold_all.
        checkpoint: file in each fold's folder.
    """

    path: Path
    folds: Sequence[str] | None = None
    checkpoint: str = "checkpoint_final.pth"


@dataclass(frozen=True, eq=False)
class FirstFold:
    """The first fold's checkpoint; the others must be of its configuration."""

    path: Path
    table: Mapping[str, Any]
    weights: CheckpointWeights
    configuration: str


def convert_model_folder(
    source: ModelFolder,
    target: Path,
    member: NewMember,
    *,
    label_map: LabelMap | None = None,
    channels: Sequence[Modality] | None = None,
) -> MemberDescription:
    """Add an nnU-Net v2 model folder to a weights folder as a member.

    The network is the plans' U-Net, or a MedNeXt where the tensors' names say so; the
    trainer's name does not matter.

    Args:
        target: the weights folder; made if it is not there, other members stay.
        label_map: the dataset's labels to BraTS's; None finds out.
        channels: modality of each channel in order; None reads their names.

    Returns:
        The description as written.

    Raises:
        InputError: anything is missing, unsupported by name, or not safe to open.
    """
    paths = _fold_paths(source)
    table = load_checkpoint(paths[0])
    first = FirstFold(paths[0], table, find_weights(table, paths[0]), _configuration_of(table, paths[0]))
    description = _describe(source.path, first, paths, label_map, channels)
    return write_member(target, member, description, _folds(first, paths))


def _folds(first: FirstFold, paths: Sequence[Path]) -> Iterable[ConvertedFold]:
    """The weights of every fold, each read when it is wanted."""
    yield ConvertedFold(first.path, first.weights)
    for path in paths[1:]:
        table = load_checkpoint(path)
        if _configuration_of(table, path) != first.configuration:
            raise InputError(
                f"{path}: is of another configuration, expected {first.configuration}. Convert them apart."
            )
        yield ConvertedFold(path, find_weights(table, path))


def _describe(
    source: Path,
    first: FirstFold,
    paths: Sequence[Path],
    label_map: LabelMap | None,
    channels: Sequence[Modality] | None,
) -> MemberDescription:
    """The description of a model folder whose folds lie at `paths`."""
    plans_path, dataset_path = source / "plans.json", source / "dataset.json"
    plans, dataset = _table(plans_path), _table(dataset_path)
    configuration = resolve_configuration(plans, first.configuration, plans_path)
    meaning = _meaning(dataset, label_map, dataset_path)
    names = _channel_names(dataset)
    inputs = tuple(channels) if channels else modalities_of(names, dataset_path)
    mednext = first.weights.mednext
    architecture: Mapping[str, object] | MedNeXtArchitecture = (
        topology_of(first.weights.state, source)[0] if mednext else architecture_of(configuration, plans_path)
    )
    return MemberDescription(
        network="mednext" if mednext else "nnunet",
        architecture=architecture,
        inputs=inputs,
        outputs=meaning.outputs,
        patch_size=tuple(int(edge) for edge in configuration["patch_size"]),
        preprocessing=recipe_of(plans, configuration, len(inputs), plans_path),
        mirror_axes=tuple(int(axis) for axis in first.table.get("inference_allowed_mirroring_axes") or ()),
        fold_mean="logits",
        folds=tuple(f"{path.parent.name}.safetensors" for path in paths),
        provenance=_provenance(plans, first, names, meaning),
    )


def _meaning(dataset: Mapping[str, Any], label_map: LabelMap | None, path: Path) -> Meaning:
    labels = dataset.get("labels")
    if not isinstance(labels, dict):
        raise InputError(f"{path}: has no table of labels, expected one. Take the model's own file.")
    return meaning_of(labels, dataset.get("regions_class_order"), label_map, path)


def _provenance(
    plans: Mapping[str, Any], first: FirstFold, channels: Sequence[str], meaning: Meaning
) -> dict[str, object]:
    return {
        "kind": f"nnU-Net v2 model folder, {first.weights.kind}",
        "dataset": str(plans.get("dataset_name")),
        "plans": str(plans.get("plans_name")),
        "configuration": first.configuration,
        "trainer": str(first.table.get("trainer_name")),
        "channels": list(channels),
        "label_map": {str(label): meant for label, meant in meaning.label_map.items()},
        "label_map_reason": meaning.reason,
    }


def _fold_paths(source: ModelFolder) -> list[Path]:
    """The checkpoint of each fold that is converted, all of them there."""
    if source.folds is None:
        found = sorted(path.parent for path in source.path.glob(f"fold_*/{source.checkpoint}"))
        folders = [path for path in found if path.name != "fold_all"] or found
    else:
        folders = [source.path / f"fold_{fold}" for fold in source.folds]
    paths = [folder / source.checkpoint for folder in folders]
    missing = ", ".join(str(path) for path in paths if not path.is_file())
    if missing or not paths:
        raise InputError(
            f"{source.path}: has no {missing or f'fold_*/{source.checkpoint}'}, expected a checkpoint in every fold. "
            "Check the folder, --folds and --checkpoint."
        )
    return paths


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
