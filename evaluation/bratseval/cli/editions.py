"""bratseval editions: the editions and their rules."""

import argparse
import json
from dataclasses import asdict

from bratseval.challenge import EDITIONS, Edition, edition
from bratseval.cli.codes import OK
from bratseval.errors import InputError


def named_edition(name: str) -> Edition:
    """The edition of that name; an unknown name is a usage error of the command line."""
    try:
        return edition(name)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_editions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print all rules of every edition as JSON")
    parser.set_defaults(command=_editions)


def _editions(arguments: argparse.Namespace) -> int:
    if arguments.json:
        print(json.dumps({name: asdict(entry) for name, entry in EDITIONS.items()}, indent=1, default=sorted))
        return OK
    width = max(map(len, EDITIONS))
    for name, entry in EDITIONS.items():
        labels = " ".join(f"{value}={label}" for value, label in entry.labels.items())
        print(f"{name:<{width}}  {entry.title}: regions {', '.join(entry.regions)}; labels {labels}; {entry.family}")
    return OK
