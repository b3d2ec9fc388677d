"""A campaign's checkpoints and what was fitted on them, as a weights folder that inference runs."""

import json
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from bratseg.inference.config import read_config
from bratseg.models.member import Network
from bratseg.training.campaign import Campaign, Domain, read_campaign
from bratseg.training.layout import FINAL, HISTORY, Layout
from bratseg.training.records import write_json
from bratseg.weights.convert.model_folder import ModelFolder, convert_model_folder
from bratseg.weights.convert.new_member import NewMember
from bratseg.weights.folder import CLUSTERS, list_file, read_manifest, read_weights, write_manifest
from bratseval.errors import InputError
from bratseval.files.json_fields import read_json
from bratseval.files.sha256 import sha256_of_bytes, sha256_of_file

PROVENANCE: Final = "provenance.json"
TUNING: Final = "tuning.json"
_PACKAGES: Final = ("brats-harness", "nnunetv2", "torch", "monai", "dynamic-network-architectures", "numpy")


@dataclass(frozen=True)
class _Selection:
    """The models that are packed: those of one domain of a campaign, of some folds."""

    campaign: Campaign
    layout: Layout
    domain: Domain
    folds: tuple[str, ...]


def pack(
    folder: Path,
    target: Path,
    *,
    licence: str,
    tuning: Path | None = None,
    domain: Domain = "finetune",
    folds: Sequence[str] | None = None,
) -> None:
    """Write a weights folder of a campaign's final checkpoints; whole or not at all.

    Args:
        folder: the campaign's.
        target: the weights folder; one that an earlier pack wrote is replaced.
        licence: of the weights.
        tuning: what `bratseg tune` wrote: tuning.json with the shares, perhaps clusters.json;
            None for the paper's shares and no post-processing.
        domain: whose models; the pretrained ones show what fine-tuning is worth.
        folds: only these; None for all of the campaign.

    Raises:
        InputError: a training is not done, the tuning names other members, or `target` holds something else.
    """
    selection = _select(folder, domain, folds)
    shares = _shares(selection.campaign, tuning)
    _check_target(target)
    partial = target.with_name(f".{target.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _convert_models(selection, shares, partial, licence)
        _add_fitted(selection, partial, tuning, licence, target.name)
        read_weights(partial)
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _select(folder: Path, domain: Domain, folds: Sequence[str] | None) -> _Selection:
    layout = Layout(folder)
    if not layout.campaign.is_file():
        raise InputError(f"{folder}: has no {layout.campaign.name}, expected a folder of `bratseg train`. Check it.")
    campaign = read_campaign(layout.campaign)
    if domain not in campaign.data:
        raise InputError(f"{folder}: has no {domain} stage, expected one in {layout.campaign}. Pack finetune.")
    chosen = tuple(folds) if folds is not None else campaign.schedules[domain].folds
    missing = [
        f"{domain}-{network}-{fold}"
        for network in campaign.networks
        for fold in chosen
        if not (layout.fold(domain, network, fold) / FINAL).is_file()
    ]
    if missing:
        raise InputError(
            f"{folder}: {', '.join(missing)} is not done, expected {FINAL} of each. Run `bratseg train` first."
        )
    return _Selection(campaign, layout, domain, chosen)


def _convert_models(selection: _Selection, shares: Mapping[Network, float], weights: Path, licence: str) -> None:
    note = f"campaign {selection.campaign.name}, {selection.domain}"
    for network, share in shares.items():
        source = ModelFolder(selection.layout.model(selection.domain, network), selection.folds)
        convert_model_folder(source, weights, NewMember(network, share, licence, note))


def _shares(campaign: Campaign, tuning: Path | None) -> dict[Network, float]:
    """Of the networks that take part: one with a share of 0, which tuning may find, is not packed."""
    found = read_config().shares if tuning is None else _tuned_shares(tuning, campaign)
    return {network: found[network] for network in campaign.networks if found[network] > 0}


def _tuned_shares(tuning: Path, campaign: Campaign) -> dict[str, float]:
    path = tuning / TUNING
    found = read_json(path)
    table = found.get("shares") if isinstance(found, dict) else None
    shares = table.get("members") if isinstance(table, dict) else None
    if (
        not isinstance(shares, dict)
        or set(shares) != set(campaign.networks)
        or not all(type(share) in (int, float) and share >= 0 for share in shares.values())
        or not sum(shares.values()) > 0
    ):
        raise InputError(
            f"{path}: has the shares {shares}, expected a number from 0 for each of {', '.join(campaign.networks)}. "
            "Tune the weights of this campaign."
        )
    return {name: float(share) for name, share in shares.items()}


def _check_target(target: Path) -> None:
    if target.exists() and any(target.iterdir()) and not (target / PROVENANCE).is_file():
        raise InputError(
            f"{target}: holds files of something else, expected a new folder or packed weights. Choose another with -o."
        )


def _add_fitted(selection: _Selection, weights: Path, tuning: Path | None, licence: str, name: str) -> None:
    """Add the provenance and the fitted post-processing, list both in the manifest, and name the weights."""
    campaign = selection.campaign
    paths = [weights / PROVENANCE]
    write_json(paths[0], _provenance(selection, tuning))
    if tuning is not None and (tuning / CLUSTERS).is_file():
        paths.append(weights / CLUSTERS)
        shutil.copyfile(tuning / CLUSTERS, paths[1])
    manifest = read_manifest(weights)
    listed = tuple(list_file(weights, path, source=f"campaign {campaign.name}", licence=licence) for path in paths)
    networks, folds = " and ".join(campaign.networks), " ".join(selection.folds)
    description = f"Campaign {campaign.name}, {selection.domain}: {networks}, folds {folds}."
    write_manifest(weights, replace(manifest, name=name, description=description, files=(*manifest.files, *listed)))


def _provenance(selection: _Selection, tuning: Path | None) -> dict[str, object]:
    """What the weights were made from; no path, and of the cases only the names in the splits."""
    campaign, layout, domain = selection.campaign, selection.layout, selection.domain
    text = layout.campaign.read_bytes()
    settings = tomllib.loads(text.decode("utf-8"))
    settings.pop("data", None)
    datasets = {name: layout.cases(name) for name in campaign.data}
    with_splits = [name for name in campaign.data if layout.splits(name).is_file()]
    return {
        "format": 1,
        "campaign": {"name": campaign.name, "sha256": sha256_of_bytes(text), "settings": settings},
        "data": {
            name: {"cases": len(json.loads(path.read_text("utf-8"))), "sha256": sha256_of_file(path)}
            for name, path in datasets.items()
        },
        "splits": {name: json.loads(layout.splits(name).read_text("utf-8")) for name in with_splits},
        "packed": {"domain": domain, "folds": list(selection.folds)},
        "scores": {
            f"{network}-{fold}": _last_epoch(layout.fold(domain, network, fold) / HISTORY)
            for network in campaign.networks
            for fold in selection.folds
        },
        "tuning": json.loads((tuning / TUNING).read_text("utf-8")) if tuning is not None else None,
        "networks": {
            "nnunet": asdict(campaign.unet) if campaign.unet else None,
            "mednext": asdict(campaign.mednext) if campaign.mednext else None,
        },
        "versions": {package: _version(package) for package in _PACKAGES},
    }


def _last_epoch(history: Path) -> object:
    """Losses and the pseudo Dice of a training's last epoch."""
    return json.loads(history.read_text("utf-8"))[-1]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
