"""A JSON file that anybody may have written, read key by key; every problem is reported, not only the first.

`json_fields.Fields` stays beside `Findings`: it reads the small files that this project writes itself (a member's
description, clusters, campaigns), where an unknown key is an error and
reading stops at the first problem, since later keys depend on earlier ones.
"""

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from bratseval.errors import InputError

MAX_BYTES: Final = 128 * 1024**2  # 450 cases of four regions with their lesions take some 7 MB
MAX_TEXT: Final = 65_536  # characters of any one text: a reason may list many files
_MAX_ENTRIES: Final = 100_000  # of one list or table
_MAX_NOTED: Final = 10_000  # problems of a file; more are not counted
_MAX_SHOWN: Final = 20
_SHORT: Final = 60
_FAR: Final = 1e12  # beyond any place in an image, in voxels or mm


class Findings:
    """One table of a file, and what is wrong with it and with the tables in it.

    Every method gives a value of the promised type. Where the file has none, the
    problem is noted and something empty given; `finish` of the whole file raises.
    """

    def __init__(
        self, name: str, content: object, where: str = "", problems: list[str] | None = None, *, silent: bool = False
    ) -> None:
        """Args:
        name: of the file, for messages.
        content: what the parser gave.
        where: the table's place in the file, such as `cases[3].regions`.
        problems: of the whole file; None for the file's own table.
        silent: note nothing, because the table around it is wrong and noted.
        """
        self.name = name
        self.where = where
        self.problems: list[str] = [] if problems is None else problems
        self._silent = silent
        if not isinstance(content, Mapping):
            self.problem("", "is no table", "a table", content)
        elif len(content) > _MAX_ENTRIES:
            self.problem("", "is too large", f"at most {_MAX_ENTRIES} entries", len(content))
        whole = content if isinstance(content, Mapping) and len(content) <= _MAX_ENTRIES else {}
        self._silent = silent or whole is not content
        self._table: dict[str, object] = {storable(str(key)): value for key, value in whole.items()}

    def problem(self, key: str, what: str, expected: str, got: object) -> None:
        """Note a problem in the house's form."""
        if self._silent or len(self.problems) >= _MAX_NOTED:
            return
        place = ".".join(part for part in (self.where, key) if part) or "the file"
        self.problems.append(
            f"{self.name}: {place} {what}, expected {expected}, got {_short(got)}. Write it with bratseval score."
        )

    def finish(self) -> None:
        """Raise InputError with all problems of the file, if there are any."""
        if self.problems:
            more = len(self.problems) - _MAX_SHOWN
            shown = [*self.problems[:_MAX_SHOWN], *([f"{self.name}: {more} more problems."] if more > 0 else [])]
            raise InputError("\n".join(shown))

    @property
    def names(self) -> tuple[str, ...]:
        """The keys of the table."""
        return tuple(self._table)

    def text(self, key: str, choices: Sequence[str] = (), *, least: int = 0, most: int = MAX_TEXT) -> str:
        """A text of so many characters, one of `choices` if there are any; half characters are written out."""
        value = self._value(key)
        if not isinstance(value, str) or not least <= len(value) <= most:
            self.problem(key, "is no such text", f"one of {least} to {most} characters", value)
            return ""
        if choices and value not in choices:
            self.problem(key, "is unknown", f"one of {', '.join(choices)}", value)
        return storable(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        values = self._list(key)
        if not all(isinstance(value, str) and len(value) <= MAX_TEXT for value in values):
            self.problem(key, "holds something else", f"texts of at most {MAX_TEXT} characters", values)
            return ()
        return tuple(storable(str(value)) for value in values)

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self._value(key)
        if not isinstance(value, bool):
            self.problem(key, "is no flag", "true or false", value)
        return value is True

    def number(self, key: str) -> float:
        """A number; null is NaN and "Infinity" infinite."""
        value = self._value(key)
        if value is None and key in self._table:
            return math.nan
        if value == "Infinity":
            return math.inf
        # an integer beyond any float is no number either: float() of it would raise
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > sys.float_info.max:
            self.problem(key, "is no number", 'a number, null or "Infinity"', value)
            return math.nan
        return float(value)

    def number_of(self, key: str, least: int) -> int:
        """A whole number of at least `least`."""
        value = self._value(key)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 2**53:
            self.problem(key, "is no count", f"a whole number from {least}", value)
            return least
        return value

    def numbers(self, key: str, count: int) -> tuple[float, ...]:
        """A list of `count` finite numbers."""
        if not isinstance(self._value(key), list):
            self.problem(key, "is no list", f"{count} finite numbers", self._value(key))
            return (0.0,) * count
        values = self._list(key)
        finite = [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < _FAR]
        if not len(finite) == len(values) == count:
            self.problem(key, "is not as it should be", f"{count} finite numbers", values)
            return (0.0,) * count
        return tuple(finite)

    def table(self, key: str) -> "Findings":
        """A table inside this one."""
        place = f"{self.where}.{key}".lstrip(".")
        return Findings(self.name, self._value(key), place, self.problems, silent=self._silent)

    def tables(self, key: str) -> Iterator["Findings"]:
        """A list of tables."""
        for number, entry in enumerate(self._list(key)):
            yield Findings(self.name, entry, f"{self.where}.{key}[{number}]".lstrip("."), self.problems)

    def _value(self, key: str) -> object:
        return self._table.get(key)

    def _list(self, key: str) -> list[object]:
        value = self._value(key)
        if not isinstance(value, list) or len(value) > _MAX_ENTRIES:
            self.problem(key, "is no list", f"a list of at most {_MAX_ENTRIES}", value)
            return []
        return value


def read_findings(path: Path) -> Findings:
    """The table that a JSON file holds.

    Raises:
        InputError: the file can't be read, is larger than `MAX_BYTES`, is no JSON, or
            has a key twice or a NaN, which JSON does not know.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). Check its path and permissions.") from None
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: is too large, expected at most {MAX_BYTES} bytes. Check what the file is.")
    try:
        return Findings(str(path), parse_json(content))
    except ValueError as error:
        raise InputError(f"{path}: is no JSON, expected a scores.json, got: {error}. Write it again.") from None


def parse_json(content: bytes) -> object:
    """What JSON in UTF-8 says, read strictly.

    pydantic and msgspec were measured on a scores.json of 219 cases with 20 lesions each: 0.47 s and 0.01 s,
    0.75 s here. But msgspec reports the first problem alone, and of a key that stands twice both keep the last;
    so this reader would stay beside either, and so would the edition's own checks and the form of the messages.

    Raises:
        ValueError: it is no JSON, is nested too deeply, has a key twice in one table, or a NaN or infinity.
    """
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def storable(text: str) -> str:
    """The text with bytes that are no characters written out; a database takes UTF-8 alone."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table: dict[str, object] = {}
    for key, value in pairs:
        if key in table:
            raise ValueError(f"the key {key[:_SHORT]!r} stands twice in one table")
        table[key] = value
    return table


def _no_constant(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


def _short(value: object) -> str:
    if isinstance(value, list | dict):
        return f"a {'list' if isinstance(value, list) else 'table'} of {len(value)}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**64:
        return "a huge integer"
    if isinstance(value, str):
        value = value[:_SHORT]  # before its repr is built
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 3]}..."
