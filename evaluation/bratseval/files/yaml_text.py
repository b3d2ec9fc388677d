"""As much YAML as a parameters file and a results file need; every YAML reader understands what is written."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from bratseval.errors import InputError

_MAX_BYTES: Final = 64 * 1024
_LINE: Final = re.compile(
    r"""^(?P<key>[A-Za-z_]\w*):\s+(?P<value>"[^"\\]*"|'[^']*'|[^\s#"'\[\]{}&*!|>%@`][^#]*?)\s*(?:\#.*)?$"""
)


def read_flat_yaml(path: Path) -> Mapping[str, str]:
    """The `key: value` lines of a file, values as text; comments and empty lines are passed over.

    Raises:
        InputError: the file can't be read, a line is anything else, or a key comes twice.
    """
    try:
        text = path.read_bytes()[:_MAX_BYTES].decode("utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). Check its path and permissions.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no text, expected lines like `key: value`. Write it again.") from None
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#") or line.strip() == "---":
            continue
        match = _LINE.match(line)
        if match is None:
            raise InputError(f"{path}: line {number} is {line!r}, expected `key: value`. Correct it.")
        if match["key"] in values:
            raise InputError(f"{path}: line {number} gives {match['key']} once more. Keep one of them.")
        values[match["key"]] = match["value"].strip("\"'")
    return values


def to_yaml(content: Mapping[str, object]) -> str:
    """Mappings, lists, text, numbers, truth values and None as YAML 1.1 and 1.2 both read them."""
    return "".join(f"{line}\n" for line in _lines(content))


def _lines(content: object) -> Iterator[str]:
    if isinstance(content, Mapping) and content:
        for key, value in content.items():
            yield from _entry(f"{_scalar(str(key))}:", value)
    elif isinstance(content, (list, tuple)) and content:
        for value in content:
            yield from _entry("-", value)
    else:
        yield _scalar(content)


def _entry(head: str, value: object) -> Iterator[str]:
    if isinstance(value, (Mapping, list, tuple)) and value:
        yield head
        yield from (f"  {line}" for line in _lines(value))
    else:
        yield f"{head} {_scalar(value)}"


def _scalar(value: object) -> str:
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, (Mapping, list, tuple)):  # empty
        return "{}" if isinstance(value, Mapping) else "[]"
    if isinstance(value, str):
        # JSON's strings are YAML's too, but for its pairs of \\u where YAML has one \\U
        return re.sub(r"(\\ud[89ab]..)(\\ud[c-f]..)", _astral, json.dumps(value))
    return json.dumps(value)


def _astral(pair: re.Match[str]) -> str:
    character: str = json.loads(f'"{pair[0]}"')
    return f"\\U{ord(character):08x}"


def _number(value: float) -> str:
    """Infinity, NaN and exponents as YAML writes them: 1e-05 without a point would be text in YAML 1.1."""
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    mantissa, exponent, power = repr(value).partition("e")
    return f"{mantissa if '.' in mantissa else f'{mantissa}.0'}{exponent}{power}"
