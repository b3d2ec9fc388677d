"""What the extras of brats-harness bring, and the one line for whoever lacks it.

A command asks for its packages before it starts, so that nothing fails after an hour.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Final

from bratseval.errors import InputError

Packages = Mapping[str, str]  # name of a package as Python imports it -> the extra that brings it

INFER: Final[Packages] = dict.fromkeys(("torch", "monai", "dynamic_network_architectures", "safetensors"), "infer")
RADIOMICS: Final[Packages] = dict.fromkeys(("radiomics", "SimpleITK"), "radiomics")
CLUSTERING: Final[Packages] = {"sklearn": "train"}
TRAINING: Final[Packages] = {"nnunetv2": "train"}
REPORT: Final[Packages] = dict.fromkeys(("jinja2", "matplotlib"), "report")
PICTURE: Final[Packages] = {"matplotlib": "picture"}
TABLE: Final[Packages] = {"pandas": "table"}

_ALL: Final[Packages] = {**TABLE, **REPORT, **PICTURE, **TRAINING, **CLUSTERING, **RADIOMICS, **INFER}
_DISTRIBUTIONS: Final[Mapping[str, str]] = {
    "dynamic_network_architectures": "dynamic-network-architectures",
    "radiomics": "pyradiomics",
    "sklearn": "scikit-learn",
}  # where the package's name is not the one that people know


class MissingExtraError(InputError):
    """A package of an extra is not there; the text reads on from a program's name: `needs …. Install …`."""


def require(*packages: Packages) -> None:
    """Check that all of these packages are installed, without importing any.

    Raises:
        MissingExtraError: with all that are missing.
    """
    missing = {name: extra for some in packages for name, extra in some.items() if find_spec(name) is None}
    if missing:
        raise MissingExtraError(f"needs {_listed([_known_name(name) for name in missing])}. {_install(missing)}")


@contextmanager
def import_errors_named() -> Iterator[None]:
    """Turn the ImportError of an extra's package into MissingExtraError: it is absent, or installed and broken."""
    try:
        yield
    except ImportError as error:
        name = (error.name or "").partition(".")[0]
        if name not in _ALL:
            raise
        raise MissingExtraError(
            f"needs {_known_name(name)}, which can't be loaded ({error}). {_install({name: _ALL[name]})}"
        ) from error


def _install(packages: Packages) -> str:
    return f"Install brats-harness[{','.join(sorted(set(packages.values())))}]."


def _known_name(package: str) -> str:
    return _DISTRIBUTIONS.get(package, package)


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
