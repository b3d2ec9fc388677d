"""Tables of JSON and TOML files read strictly: every key wanted, every key known."""

import reprlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bratseval.errors import InputError
from bratseval.files.strict_json import MAX_BYTES, parse_json

# long texts and lists are cut before they are built
_REPR: Final = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 100
_REPR.maxlist = _REPR.maxdict = 50


class Fields:
    """The keys of one table, taken out one by one; `done` refuses those that nobody took.

    Every method raises InputError, naming the file and the key, when the key
    is missing or its value is not of the wanted kind.
    """

    def __init__(self, source: Path, table: object, where: str = "") -> None:
        """Args:
        source: the file that the table stands in, for messages.
        table: what the parser gave; anything but a table is refused.
        where: the table's place in the file, such as `outputs`.
        """
        self.source = source
        self.where = where
        if not isinstance(table, Mapping):
            raise self.error("is not a table", "a table", table)
        self._left: dict[str, object] = {str(key): value for key, value in table.items()}

    def error(self, what: str, expected: str, got: object, key: str = "") -> InputError:
        """The error for a value of this table, in the house's form."""
        place = ".".join(part for part in (self.where, key) if part) or "the file"
        return InputError(f"{self.source}: {place} {what}, expected {expected}, got {_short(got)}. Correct the file.")

    def value(self, key: str) -> object:
        """Any value; the caller judges it."""
        if key not in self._left:
            raise self.error("is missing", "a value", "nothing", key)
        return self._left.pop(key)

    def has(self, key: str) -> bool:
        """Whether an optional key is there and still to be taken."""
        return key in self._left

    def text(self, key: str, choices: Sequence[str] = ()) -> str:
        """A string, one of `choices` if there are any."""
        value = self.value(key)
        if not isinstance(value, str):
            raise self.error("is no string", "a string", value, key)
        if choices and value not in choices:
            raise self.error("is unknown", f"one of {', '.join(choices)}", value, key)
        return value

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self.value(key)
        if not isinstance(value, bool):
            raise self.error("is no flag", "true or false", value, key)
        return value

    def integer(self, key: str, minimum: int = 0) -> int:
        """An integer of at least `minimum`."""
        return self._integer(key, self.value(key), minimum)

    def number(self, key: str) -> float:
        """A finite number."""
        return self._number(key, self.value(key))

    def integers(self, key: str, count: int | None = None, minimum: int = 0) -> tuple[int, ...]:
        """A list of integers, `count` of them if that is given."""
        return tuple(self._integer(key, value, minimum) for value in self._list(key, count))

    def numbers(self, key: str, count: int | None = None) -> tuple[float, ...]:
        """A list of finite numbers, `count` of them if that is given."""
        return tuple(self._number(key, value) for value in self._list(key, count))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        values = self._list(key, None)
        for value in values:
            if not isinstance(value, str):
                raise self.error("holds something that is no string", "strings", value, key)
        return tuple(str(value) for value in values)

    def integer_lists(self, key: str) -> tuple[tuple[int, ...], ...]:
        """A list of lists of integers from 0."""
        found = []
        for row in self._list(key, None):
            if not isinstance(row, list):
                raise self.error("holds something that is no list", "lists of integers", row, key)
            found.append(tuple(self._integer(key, value, 0) for value in row))
        return tuple(found)

    def table(self, key: str) -> "Fields":
        """A table inside this one."""
        return Fields(self.source, self.value(key), f"{self.where}.{key}".lstrip("."))

    def tables(self, key: str) -> tuple["Fields", ...]:
        """A list of tables."""
        return tuple(
            Fields(self.source, row, f"{self.where}.{key}[{number}]".lstrip("."))
            for number, row in enumerate(self._list(key, None))
        )

    def done(self) -> None:
        """Refuse the keys that are left: an unknown key is a misspelt one, or from a newer format."""
        if self._left:
            raise self.error("has unknown keys", "none but the documented ones", ", ".join(self._left))

    def _list(self, key: str, count: int | None) -> list[object]:
        value = self.value(key)
        if not isinstance(value, list) or (count is not None and len(value) != count):
            wanted = "a list" if count is None else f"a list of {count}"
            raise self.error(f"is not {wanted}", wanted, value, key)
        return value

    def _integer(self, key: str, value: object, minimum: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            raise self.error("is not as it should be", f"integers from {minimum}", value, key)
        return value

    def _number(self, key: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
            raise self.error("is not as it should be", "finite numbers", value, key)
        return float(value)


def read_json(path: Path) -> object:
    """What a JSON file says.

    Raises:
        InputError: the file is not there, is too large, or is not JSON as `parse_json` reads it.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(f"{path}: is too large, expected at most {MAX_BYTES} bytes. Check what the file is.")
        return parse_json(content)
    except OSError as error:
        raise InputError(f"{path}: cannot be read, {error.strerror}. Check the path.") from error
    except ValueError as error:
        raise InputError(f"{path}: is not JSON, {error}. Take the file from its source again.") from error


def _short(value: object) -> str:
    text = value[:101] if isinstance(value, str) else _REPR.repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
