"""JSON is read strictly, whichever file it is."""

from pathlib import Path

import pytest

from bratseval.errors import InputError
from bratseval.files.json_fields import read_json
from bratseval.files.strict_json import parse_json


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"a": 1, "a": 2}', "the key 'a' stands twice"),
        (b'{"a": NaN}', "NaN is no JSON"),
        (b"[-Infinity]", "-Infinity is no JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff", "utf-8"),
        (b"{", "Expecting"),
    ],
)
def test_what_is_not_strict_json_is_refused_with_its_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_json(content)
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=reason):
        read_json(tmp_path / "a.json")


def test_strict_json_is_read() -> None:
    assert parse_json('{"ä": [1, 1.5, null, true]}'.encode()) == {"ä": [1, 1.5, None, True]}
