"""A converted model written into a weights folder: safetensors and member.json, whole or not at all."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bratseg.models.description import read_description, write_description
from bratseg.models.member import MemberDescription
from bratseg.models.networks import build_network
from bratseg.models.stored_tensors import check_fit, save_state
from bratseg.weights.convert.checkpoint import CheckpointWeights
from bratseg.weights.folder import DESCRIPTION, add_member
from bratseval.errors import UsageError
from bratseval.files.sha256 import sha256_of_file


@dataclass(frozen=True)
class NewMember:
    """What the person who converts a model says of it.

    Attributes:
        name: of the member and its folder.
        share: its part of the mean.
        licence: of the weights.
        source_note: where they came from, for the manifest.
    """

    name: str
    share: float
    licence: str
    source_note: str


@dataclass(frozen=True, eq=False)
class ConvertedFold:
    """A fold's weights, and the checkpoint they came from."""

    source: Path
    weights: CheckpointWeights


def write_member(
    target: Path, member: NewMember, description: MemberDescription, folds: Iterable[ConvertedFold]
) -> MemberDescription:
    """Add a member to a weights folder: its folder is put in place whole, then the manifest lists it.

    Args:
        target: the weights folder; made if it is not there, other members stay.
        description: with a file name for each fold.
        folds: in the order of these names; taken one by one, so that only one is in memory.

    Returns:
        The description as written: with the source, and each fold's checkpoint and its sha256.

    Raises:
        InputError: a fold's tensors do not fit the network, or the run time would refuse the description.
        UsageError: the name is no plain folder name.
    """
    if not member.name or Path(member.name).name != member.name or member.name.startswith("."):
        raise UsageError(f"--name: is {member.name!r}, expected a plain folder name. Choose another.")
    network = build_network(description)
    partial = target / f".{member.name}.part"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        origins = _write_folds(partial, network, description.folds, folds)
        provenance = {"source": member.source_note, **description.provenance, "folds": origins}
        description = replace(description, provenance=provenance)
        write_description(partial / DESCRIPTION, description)
        read_description(partial / DESCRIPTION)  # what the run time would refuse is refused now
        shutil.rmtree(target / member.name, ignore_errors=True)
        partial.rename(target / member.name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    add_member(target, member.name, member.share, source=member.source_note, licence=member.licence)
    return description


def _write_folds(
    folder: Path, network: torch.nn.Module, names: Sequence[str], folds: Iterable[ConvertedFold]
) -> dict[str, dict[str, str]]:
    """Write each fold's safetensors; gives the checkpoint behind each file, and its sha256."""
    origins = {}
    for name, fold in zip(names, folds, strict=True):
        check_fit(network, fold.weights.state, fold.source)
        save_state(folder / name, fold.weights.state)
        origins[name] = {"file": fold.source.name, "sha256": sha256_of_file(fold.source)}
    return origins
