"""A file appears complete or not at all, and nothing is left beside it."""

import json
import math
import os
from pathlib import Path

import pytest

from bratseval.files.atomic import remove_partial_files, replacing, write_bytes, write_json, write_text


def test_the_content_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")
    write_bytes(path, b"after")
    assert path.read_bytes() == b"after"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_fails_leaves_the_file_as_it_was_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")

    def half_written() -> None:
        with replacing(path) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half_written()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_the_content_and_then_the_folder_are_brought_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced = tmp_path / "a.txt", []

    def note(opened: int) -> None:
        synced.append((Path(f"/proc/self/fd/{opened}").readlink(), path.exists()))

    monkeypatch.setattr(os, "fsync", note)
    write_bytes(path, b"content")
    (content, placed_before), (folder, placed_after) = synced
    assert (content.parent, placed_before) == (tmp_path, False)
    assert (folder, placed_after) == (tmp_path, True)


def test_what_a_killed_writer_left_is_known_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with replacing(path) as partial:
        partial.write_text("{}")
        name = partial.name
        left = tmp_path / f"{name}"
        assert left.is_file()
        assert remove_partial_files(tmp_path) == [name]
        partial.write_text("{}")
    assert remove_partial_files(tmp_path) == []


def test_names_that_are_no_text_are_written_as_escapes(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "Zürich \udcff")
    assert (tmp_path / "a.txt").read_bytes() == "Zürich ".encode() + rb"\udcff"


def test_json_has_no_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": [1.5, None]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"b": [1.5, None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "b.json", math.nan)
    assert not (tmp_path / "b.json").exists()


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "missing" / "a.txt", "text")
