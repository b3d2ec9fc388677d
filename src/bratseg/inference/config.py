"""The submitted numbers and what a parameters file may change of them."""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from bratseval.errors import InputError


@dataclass(frozen=True)
class Config:
    """The numbers of config.toml, where each has its source."""

    mirroring: bool
    tile_step: float
    device: str
    postprocess: bool
    shares: Mapping[str, float]


def read_config(parameters: Path | None = None) -> Config:
    """The submitted numbers, changed by a parameters file if one is given.

    An empty parameters file changes nothing.

    Raises:
        InputError: the file can't be read, or holds a key or a value that does not belong there.
    """
    defaults = tomllib.loads((resources.files("bratseg.inference") / "config.toml").read_text("utf-8"))
    config = Config(**defaults)
    if parameters is None:
        return config
    changes = _read_mapping(parameters)
    problems = [problem for key, value in changes.items() if (problem := _problem(config, str(key), value))]
    if problems:
        raise InputError("\n".join(f"{parameters}: {problem}" for problem in problems))
    return dataclasses.replace(config, **changes)


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
        content = tomllib.loads(text) if path.suffix == ".toml" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: cannot be read as parameters ({error}). Correct it or leave it out.") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no key and value pairs. Write lines like `mirroring: true`.")
    return content


def _problem(config: Config, key: str, value: object) -> str | None:
    known = {field.name: getattr(config, field.name) for field in dataclasses.fields(config) if field.name != "shares"}
    if key not in known:
        return f"the key {key!r} is unknown, expected {', '.join(known)}. Remove it."
    wanted = type(known[key])
    number = wanted is float and isinstance(value, int) and not isinstance(value, bool)
    if not (isinstance(value, wanted) or number):
        return f"{key} is {value!r}, expected {wanted.__name__}. Correct it."
    if key == "tile_step" and not 0 < float(str(value)) <= 1:
        return f"tile_step is {value}, expected more than 0 and at most 1. Correct it."
    return None
