"""bratseg info: what is installed, as JSON."""

import argparse
import json
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from bratseval.cli.codes import OK

_PACKAGES: Final = (
    "brats-harness",
    "torch",
    "monai",
    "dynamic-network-architectures",
    "nibabel",
    "numpy",
    "pyradiomics",
    "pyradiomics-bhklab",
)


def add_info(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_info)


def _info(_: argparse.Namespace) -> int:
    print(json.dumps({name: _version(name) for name in _PACKAGES}, indent=1))
    return OK


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
