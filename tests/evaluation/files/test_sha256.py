"""One digest for files, bytes and JSON."""

from pathlib import Path

from bratseval.files.sha256 import sha256_of_bytes, sha256_of_file, sha256_of_json

# FIPS 180-4's example: the digest of "abc"
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_file_and_its_bytes_have_the_digest_of_the_standard(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of_bytes(b"abc") == sha256_of_file(tmp_path / "abc") == ABC


def test_json_has_one_digest_in_whatever_order_its_keys_stand() -> None:
    assert (
        sha256_of_json({"a": 1, "b": [2]})
        == sha256_of_json({"b": [2], "a": 1})
        == sha256_of_bytes(b'{"a": 1, "b": [2]}')
    )
    assert sha256_of_json({"a": 1}) != sha256_of_json({"a": 2})
