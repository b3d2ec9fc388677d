"""bratseg weights: show, convert, pack, train and fit weights folders."""

import argparse
import sys
from pathlib import Path

from bratseval.challenge import MODALITIES, Modality
from bratseval.cli.codes import OK
from bratseval.errors import UsageError
from bratseval.extras import CLUSTERING, INFER, RADIOMICS, require


def add_weights(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="verify a weights folder and list its members")
    show.add_argument("folder", type=Path, nargs="?", help="default: the bundled one")
    show.set_defaults(command=_show)
    _add_convert(commands.add_parser("convert", help="convert checkpoints to a member of a weights folder"))
    pack = commands.add_parser("pack", help="convert a campaign's checkpoints to a weights folder")
    pack.add_argument("folder", type=Path, help="the campaign's, of `bratseg train`")
    pack.add_argument("-o", "--output", type=Path, required=True, help="the weights folder")
    pack.add_argument("--licence", required=True, help="of the weights, such as Apache-2.0")
    pack.add_argument("--tuning", type=Path, help="output folder of `bratseg tune`: shares and fitted post-processing")
    pack.add_argument(
        "--domain", choices=("finetune", "pretrain"), default="finetune", help="which models; default: %(default)s"
    )
    pack.add_argument("--folds", nargs="+", help="only these; default: all of the campaign")
    pack.set_defaults(command=_pack)
    train = commands.add_parser("train", help="train the bundled demonstration weights on phantoms")
    train.add_argument("-o", "--output", type=Path, required=True, help="weights folder; the member is added to it")
    train.add_argument("--network", choices=("nnunet", "mednext"), required=True, help="which one")
    train.add_argument("--minutes", type=float, default=30.0, help="how long; default: %(default)s")
    train.add_argument("--seed", type=int, default=0, help="of first weights and draws; default: %(default)s")
    train.set_defaults(command=_train)
    fit = commands.add_parser("fit", help="fit the demonstration weights' post-processing on phantoms")
    fit.add_argument("folder", type=Path, help="weights folder; clusters.json is added to it")
    fit.add_argument("--phantoms", type=int, default=30, help="how many; default: %(default)s")
    fit.set_defaults(command=_fit)
    for command in commands.choices.values():
        command.set_defaults(program=command.prog)


def _add_convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        type=Path,
        nargs="+",
        help="nnU-Net v2: the folder with dataset.json, plans.json and fold_*; MedNeXt: a checkpoint for each fold",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="weights folder; the member is added to it")
    parser.add_argument("--name", required=True, help="name of the member and of its folder")
    parser.add_argument("--licence", required=True, help="of the weights, such as Apache-2.0")
    parser.add_argument("--source-note", default="", help="where the checkpoints come from; default: the source's name")
    parser.add_argument("--share", type=float, help="part of the mean; default: the paper's share of the network")
    parser.add_argument(
        "--label-map", help="from the model's labels to BraTS's, such as 1=2,2=1,3=3; default: found out"
    )
    parser.add_argument("--channels", help="modalities in channel order, such as t1n,t1c,t2w,t2f; default: as named")
    parser.add_argument("--folds", help="such as 0,1,2 or all; default: all numbered ones")
    parser.add_argument(
        "--checkpoint", default="checkpoint_final.pth", help="in each fold's folder; default: %(default)s"
    )
    parser.add_argument(
        "--geometry", type=Path, help="MedNeXt: JSON with what tensors do not hold, see docs/weights.md"
    )
    parser.set_defaults(command=_convert)


def _show(arguments: argparse.Namespace) -> int:
    from bratseg.weights.folder import default_weights, read_weights

    weights = read_weights(arguments.folder or default_weights())
    print(f"{weights.name}  sha256 {weights.digest}")
    for member in weights.members:
        about = member.description
        print(
            f"  {member.path.name}: {about.network}, share {member.share}, folds {len(about.folds)}, "
            f"predicts {about.outputs.kind}, inputs {' '.join(about.inputs)}"
        )
    print(f"  post-processing: {weights.clusters.name if weights.clusters else 'none'}")
    return OK


def _convert(arguments: argparse.Namespace) -> int:
    require(INFER)
    from bratseg.inference.config import read_config
    from bratseg.weights.convert.mednext_checkpoints import convert_checkpoints
    from bratseg.weights.convert.model_folder import ModelFolder, convert_model_folder
    from bratseg.weights.convert.new_member import NewMember

    sources: list[Path] = arguments.source
    share = read_config().shares["nnunet" if sources[0].is_dir() else "mednext"]
    member = NewMember(
        name=arguments.name,
        share=share if arguments.share is None else arguments.share,
        licence=arguments.licence,
        source_note=arguments.source_note or sources[0].name,
    )
    if sources[0].is_dir():
        folds = arguments.folds.split(",") if arguments.folds else None
        description = convert_model_folder(
            ModelFolder(sources[0], folds, arguments.checkpoint),
            arguments.output,
            member,
            label_map=_label_map(arguments.label_map),
            channels=_channels(arguments.channels),
        )
    elif arguments.geometry is None:
        raise UsageError("--geometry: is missing, expected a JSON file for bare checkpoints. See docs/weights.md.")
    else:
        description = convert_checkpoints(sources, arguments.output, member, sidecar=arguments.geometry)
    meanings = description.provenance.get("label_map_reason", "as the geometry file says")
    print(
        f"{arguments.output / arguments.name}: {description.network}, {len(description.folds)} folds", file=sys.stderr
    )
    print(f"inputs {' '.join(description.inputs)}; labels: {meanings}", file=sys.stderr)
    return OK


def _pack(arguments: argparse.Namespace) -> int:
    require(INFER)
    from bratseg.training.pack import pack

    pack(
        arguments.folder,
        arguments.output,
        licence=arguments.licence,
        tuning=arguments.tuning,
        domain=arguments.domain,
        folds=arguments.folds,
    )
    print(arguments.output)
    return OK


def _train(arguments: argparse.Namespace) -> int:
    require(INFER)
    from bratseg.demo.default_weights.training import train_default_weights

    train_default_weights(arguments.output, network=arguments.network, minutes=arguments.minutes, seed=arguments.seed)
    return OK


def _fit(arguments: argparse.Namespace) -> int:
    require(INFER, RADIOMICS, CLUSTERING)
    from bratseg.demo.default_weights.fitting import fit_postprocessing
    from bratseg.inference.config import read_config
    from bratseg.inference.load import load_ensemble

    with load_ensemble(arguments.folder, read_config(), None) as (ensemble, _):
        clusters = fit_postprocessing(arguments.folder, ensemble, phantoms=arguments.phantoms)
    for removal in clusters.global_thresholds.remove:
        print(f"{removal.of}: components below {removal.below_mm3:g} mm3 are removed")
    return OK


def _label_map(text: str | None) -> dict[int, int] | None:
    if text is None:
        return None
    try:
        return {int(label): int(meant) for label, meant in (pair.split("=") for pair in text.split(","))}
    except ValueError:
        raise UsageError(f"--label-map: is {text!r}, expected pairs such as 1=2,2=1,3=3. Correct it.") from None


def _channels(text: str | None) -> tuple[Modality, ...] | None:
    if text is None:
        return None
    named = {modality: modality for modality in MODALITIES}
    try:
        return tuple(named[word] for word in text.split(","))  # type: ignore[index]  # an unknown word is the KeyError
    except KeyError as error:
        raise UsageError(f"--channels: {error} is no modality, expected {','.join(MODALITIES)}. Correct it.") from None
