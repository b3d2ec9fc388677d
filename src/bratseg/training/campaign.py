"""The campaign file: what is trained, on what and for how long. One TOML file; unknown keys are errors."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final, Literal

from bratseg.models.member import MedNeXtArchitecture, Network
from bratseval.errors import InputError
from bratseval.files.json_fields import Fields

FORMAT: Final = 1
Domain = Literal["pretrain", "finetune"]
NETWORKS: Final[tuple[Network, ...]] = ("nnunet", "mednext")
_MULTIPLE: Final = 16  # four halvings: edges of MedNeXt's patches, and nothing smaller makes a U-Net


@dataclass(frozen=True)
class UnetSizes:
    """A plain U-Net's sizes; the number of its stages follows from the patch.

    Attributes:
        features: of the first stage, doubled in each up to `largest`.
        convolutions: in each stage of encoder and decoder.
    """

    features: int
    largest: int
    convolutions: int


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a training goes.

    Attributes:
        iterations: batches an epoch.
        save_every: epochs between the checkpoints that an interrupted training goes on from.
        folds: `all`, or numbers as text.
        learning_rate: at the start; it falls to 0 (poly, exponent 0.9).
    """

    epochs: int
    iterations: int
    validation_iterations: int
    save_every: int
    folds: tuple[str, ...]
    learning_rate: Mapping[Network, float]


@dataclass(frozen=True)
class Campaign:
    """A whole campaign.

    Attributes:
        data: folder of case folders of each domain that takes part; `finetune` always does.
        splits: file of each domain whose folds are given.
        patch_size: (z, y, x).
        unet, mednext: the sizes; None where the network is not trained.
        checkpointing: compute MedNeXt's blocks again in the backward pass, to save memory.
        schedules: of each domain in `data`.
        device: cuda or cpu.
        workers: processes that augment; with 0 the trainer does it itself.
    """

    name: str
    data: Mapping[Domain, Path]
    splits: Mapping[Domain, Path]
    patch_size: tuple[int, ...]
    batch_size: int
    unet: UnetSizes | None
    mednext: MedNeXtArchitecture | None
    checkpointing: bool
    schedules: Mapping[Domain, Schedule]
    device: str
    gpus: int
    workers: int
    processes: int
    seed: int

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks that are trained."""
        return tuple(name for name in NETWORKS if (self.unet if name == "nnunet" else self.mednext) is not None)


def template() -> str:
    """The text of a campaign file with the paper's numbers, every key explained."""
    return (resources.files("bratseg.training") / "template.toml").read_text("utf-8")


def read_campaign(path: Path, root: Path | None = None) -> Campaign:
    """The campaign that a TOML file describes.

    Args:
        path: the file.
        root: what its paths are relative to; None: the file's folder.

    Raises:
        InputError: it cannot be read, a key is missing or unknown, or values do not fit together.
    """
    return _campaign(read_fields(path), path.resolve().parent if root is None else root)


def read_fields(path: Path) -> Fields:
    """A campaign file's keys.

    Raises:
        InputError: it cannot be read or is no TOML.
    """
    try:
        return Fields(path, tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise InputError(f"{path}: cannot be read, {error.strerror}. Check the path.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: is not TOML, {error}. `bratseg train --template` prints one.") from None


def _campaign(fields: Fields, root: Path) -> Campaign:
    number = fields.integer("format", 1)
    if number != FORMAT:
        raise fields.error("is not supported", str(FORMAT), number, "format")
    name = fields.text("name")
    data, splits = _data(fields.table("data"), root)
    plan = fields.table("plan")
    patch_size, batch_size = plan.integers("patch_size", 3, _MULTIPLE), plan.integer("batch_size", 1)
    if any(edge % _MULTIPLE for edge in patch_size):
        raise plan.error("does not fit the networks", f"multiples of {_MULTIPLE}", patch_size, "patch_size")
    plan.done()
    unet, mednext, checkpointing = _networks(fields.table("networks"))
    sizes = dict(zip(NETWORKS, (unet, mednext), strict=True))
    trained = tuple(network for network in NETWORKS if sizes[network] is not None)
    schedules: dict[Domain, Schedule] = {domain: _schedule(fields.table(domain), trained) for domain in data}
    run = fields.table("run")
    campaign = Campaign(
        name=name,
        data=data,
        splits=splits,
        patch_size=patch_size,
        batch_size=batch_size,
        unet=unet,
        mednext=mednext,
        checkpointing=checkpointing,
        schedules=schedules,
        device=run.text("device", ("cuda", "cpu")),
        gpus=run.integer("gpus", 1),
        workers=run.integer("workers"),
        processes=run.integer("processes", 1),
        seed=run.integer("seed"),
    )
    run.done()
    fields.done()
    _check(campaign, fields)
    return campaign


def _data(fields: Fields, root: Path) -> tuple[dict[Domain, Path], dict[Domain, Path]]:
    data: dict[Domain, Path] = {}
    if fields.has("pretrain"):
        data["pretrain"] = root / fields.text("pretrain")
    data["finetune"] = root / fields.text("finetune")
    splits: dict[Domain, Path] = {}
    if fields.has("splits"):
        splits["finetune"] = root / fields.text("splits")
    if fields.has("pretrain_splits"):
        splits["pretrain"] = root / fields.text("pretrain_splits")
    fields.done()
    return data, splits


def _networks(fields: Fields) -> tuple[UnetSizes | None, MedNeXtArchitecture | None, bool]:
    unet, mednext, checkpointing = None, None, False
    if fields.has("nnunet"):
        sizes = fields.table("nnunet")
        unet = UnetSizes(sizes.integer("features", 1), sizes.integer("largest", 1), sizes.integer("convolutions", 1))
        sizes.done()
    if fields.has("mednext"):
        sizes = fields.table("mednext")
        mednext = MedNeXtArchitecture(
            sizes.integer("channels", 1),
            sizes.integer("kernel", 3),
            sizes.integers("blocks", 9, 1),
            sizes.integers("expansion", 9, 1),
        )
        checkpointing = sizes.flag("checkpointing")
        sizes.done()
    if unet is None and mednext is None:
        raise fields.error("names no network", "nnunet, mednext or both", "neither")
    fields.done()
    return unet, mednext, checkpointing


def _schedule(fields: Fields, networks: tuple[Network, ...]) -> Schedule:
    rates = fields.table("learning_rate")
    found: dict[Network, float] = {network: rates.number(network) for network in networks}
    for network in NETWORKS:  # of a network that is left out
        if rates.has(network):
            rates.number(network)
    rates.done()
    schedule = Schedule(
        epochs=fields.integer("epochs", 1),
        iterations=fields.integer("iterations", 1),
        validation_iterations=fields.integer("validation_iterations", 1),
        save_every=fields.integer("save_every", 1),
        folds=fields.texts("folds"),
        learning_rate=found,
    )
    if any(rate <= 0 for rate in found.values()):
        raise rates.error("holds a rate that is not positive", "positive numbers", list(found.values()))
    folds = schedule.folds
    if not folds or len(set(folds)) < len(folds) or not (folds == ("all",) or all(fold.isdigit() for fold in folds)):
        raise fields.error("are no folds", '["all"] or numbers such as ["0", "1"]', folds, "folds")
    fields.done()
    return schedule


def _check(campaign: Campaign, fields: Fields) -> None:
    """Check what several keys decide together."""
    finetune, pretrain = campaign.schedules["finetune"], campaign.schedules.get("pretrain")
    if campaign.mednext is not None and set(campaign.patch_size) == {_MULTIPLE}:
        expected = f"an edge above {_MULTIPLE}: nothing can be normalised at the bottom of MedNeXt"
        raise fields.error("is too small", expected, campaign.patch_size, "plan.patch_size")
    if campaign.gpus > 1 and (campaign.device == "cpu" or campaign.gpus > campaign.batch_size):
        expected = f"1, or at most batch_size ({campaign.batch_size}) on cuda"
        raise fields.error("does not fit", expected, f"{campaign.gpus} on {campaign.device}", "run.gpus")
    if pretrain is None or pretrain.folds == ("all",):
        return
    lacking = [fold for fold in finetune.folds if fold not in pretrain.folds]
    if lacking:
        raise fields.error("start from folds that are not pretrained", "folds of [pretrain]", lacking, "finetune.folds")
    if "pretrain" not in campaign.splits:
        raise fields.error("is missing", "the splits of the numbered folds", "none", "data.pretrain_splits")
