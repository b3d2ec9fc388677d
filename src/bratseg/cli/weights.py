"""bratseg weights: show, convert, train."""

import argparse
from pathlib import Path

from bratseg.cli.codes import OK


def add_weights(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="verify a weights folder and say what is in it")
    show.add_argument("folder", type=Path, nargs="?", help="default: the bundled one")
    show.set_defaults(command=_weights_show)
    convert = commands.add_parser("convert", help="turn a foreign model folder into weights, once")
    _add_convert(convert)
    train = commands.add_parser("train", help="train the bundled demonstration weights on phantoms")
    train.add_argument("-o", "--output", type=Path, required=True)
    train.add_argument("--network", choices=("nnunet", "mednext"), required=True)
    train.add_argument("--minutes", type=float, default=30.0)
    train.add_argument("--seed", type=int, default=0)
    train.set_defaults(command=_weights_train)


def _add_convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, help="nnU-Net v2: the folder with dataset.json; MedNeXt: a checkpoint")
    parser.add_argument("-o", "--output", type=Path, required=True, help="weights folder; the member is added to it")
    parser.add_argument("--name", required=True, help="of the member, a folder in the weights folder")
    parser.set_defaults(command=_weights_convert)


def _weights_show(arguments: argparse.Namespace) -> int:
    from bratseg.weights import default_weights, read_weights

    weights = read_weights(arguments.folder or default_weights())
    print(f"{weights.name}  sha256 {weights.digest}")
    for entry in weights.members:
        about = entry.description
        print(
            f"  {entry.path.name}: {about.network}, share {entry.share}, {len(about.folds)} folds, {about.outputs.kind}"
        )
    return OK


def _weights_convert(arguments: argparse.Namespace) -> int:
    return OK


def _weights_train(arguments: argparse.Namespace) -> int:
    from bratseg.phantoms.training import train_default_weights

    train_default_weights(arguments.output, network=arguments.network, minutes=arguments.minutes, seed=arguments.seed)
    return OK
