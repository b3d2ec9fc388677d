"""Weights folders: every file proven before any is opened, every odd manifest refused."""

import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pytest
import torch

from bratseg.models.description import read_description, write_description
from bratseg.models.networks import build_network
from bratseg.models.stored_tensors import load_state, save_state, stored_state
from bratseg.weights.folder import (
    MANIFEST,
    Manifest,
    ManifestFile,
    add_member,
    list_file,
    read_manifest,
    read_weights,
    write_manifest,
)
from bratseval.errors import InputError
from factories.foreign_models import plans
from factories.members import LABELS, description


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A weights folder with one member of one small fold."""
    member = tmp_path / "weights" / "nnunet"
    member.mkdir(parents=True)
    architecture = plans()["configurations"]["3d_fullres"]["architecture"]
    about = replace(description(), architecture={"class": "PlainConvUNet", "kwargs": architecture["arch_kwargs"]})
    write_description(member / "member.json", about)
    network = build_network(about).to_empty(device="cpu")
    for tensor in stored_state(network).values():
        tensor.fill_(0.5)
    save_state(member / "fold_0.safetensors", stored_state(network))
    add_member(tmp_path / "weights", "nnunet", 0.4722, source="made here", licence="CC0")
    return tmp_path / "weights"


def change(folder: Path, old: str, new: str) -> None:
    path = folder / MANIFEST
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_sound_folder_is_read(folder: Path) -> None:
    weights = read_weights(folder)
    (member,) = weights.members
    assert (weights.name, member.path, member.share) == ("weights", folder / "nnunet", 0.4722)
    assert member.description.outputs.paint == (2, 1, 3)
    assert weights.clusters is None
    assert weights.digest == hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


def test_a_listed_cluster_file_is_part_of_the_weights(folder: Path) -> None:
    (folder / "clusters.json").write_text("{}")
    manifest = read_manifest(folder)
    listed = list_file(folder, folder / "clusters.json", source="fitted", licence="CC0")
    write_manifest(folder, replace(manifest, files=(*manifest.files, listed)))
    assert read_weights(folder).clusters == folder / "clusters.json"


def test_a_manifest_reads_back_as_it_was_written_whatever_its_strings(tmp_path: Path) -> None:
    odd = 'a "quoted" \\ name\n\twith \u00fc, \u2192, \U0001f9e0 and \x7f'
    manifest = Manifest(odd, odd, (("nnunet", 0.1), ("b", 2.0)), (ManifestFile("a/b.json", "0" * 64, 3, odd, odd),))
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest


def test_descriptions_read_back_as_they_were_written(tmp_path: Path) -> None:
    for about in (description(), description(LABELS)):
        write_description(tmp_path / "member.json", about)
        assert read_description(tmp_path / "member.json") == about


def test_tensors_are_stored_once_in_float32(folder: Path) -> None:
    state = load_state(folder / "nnunet" / "fold_0.safetensors")
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}
    assert not any("all_modules" in name or name.startswith("decoder.encoder") for name in state)
    # three stages have two heads; only the last one, at full resolution, is used
    assert {name for name in state if "seg_layers" in name} == {
        "decoder.seg_layers.1.weight",
        "decoder.seg_layers.1.bias",
    }


def test_converted_tensors_are_readable_by_every_user_as_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        save_state(tmp_path / "fold_0.safetensors", {"a": torch.ones(2)})
    finally:
        os.umask(before)
    assert (tmp_path / "fold_0.safetensors").stat().st_mode & 0o777 == 0o644


# What is refused


def test_a_file_that_this_user_may_not_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Path.open

    def refuse(path: Path, *mode: str, **words: str) -> IO[Any]:
        if path.name == "fold_0.safetensors":
            raise PermissionError(errno.EACCES, "Permission denied")
        return original(path, *mode, **words)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"fold_0\.safetensors: cannot be read \(Permission denied\)"):
        read_weights(folder)


def flip_a_bit(folder: Path) -> None:
    path = folder / "nnunet" / "fold_0.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def link_out(folder: Path) -> None:
    path = folder / "nnunet" / "fold_0.safetensors"
    path.rename(folder.parent / "elsewhere.safetensors")
    path.symlink_to(folder.parent / "elsewhere.safetensors")


def unlist(folder: Path, path: str) -> None:
    manifest = read_manifest(folder)
    write_manifest(folder, replace(manifest, files=tuple(file for file in manifest.files if file.path != path)))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (flip_a_bit, "was changed"),
        (lambda folder: (folder / "nnunet" / "fold_0.safetensors").unlink(), "is missing"),
        (lambda folder: (folder / "nnunet" / "member.json").write_text("{}"), "wrong size"),
        (link_out, "link out of the weights folder"),
        (lambda folder: unlist(folder, "nnunet/fold_0.safetensors"), r"fold_0\.safetensors: is not in manifest"),
        (lambda folder: unlist(folder, "nnunet/member.json"), r"does not list nnunet/member\.json"),
        (lambda folder: (folder / "nnunet" / "fold_1.safetensors").touch(), r"fold_1\.safetensors: is not in"),
        (lambda folder: (folder / MANIFEST).unlink(), "cannot be read"),
        (lambda folder: (folder / MANIFEST).write_text("format ="), "is not TOML"),
        (lambda folder: (folder / MANIFEST).write_bytes(b"\xff"), "is not TOML"),
        (lambda folder: change(folder, "format = 1", "format = 2"), "is not supported"),
        (lambda folder: change(folder, "format = 1", "format = 1\ncolour = 1"), "unknown keys"),
        (lambda folder: change(folder, "share = 0.4722", "share = 0.4722\nweight = 1"), "unknown keys"),
        (lambda folder: change(folder, "share = 0.4722", "share = 0"), "positive number"),
        (lambda folder: change(folder, "share = 0.4722", "share = nan"), "finite"),
        (lambda folder: change(folder, "share = 0.4722", ""), "share is missing"),
        (lambda folder: change(folder, 'name = "nnunet"', 'name = ".."'), "plain name"),
        (lambda folder: change(folder, 'path = "nnunet/member.json"', 'path = "../member.json"'), "leads out"),
        (lambda folder: change(folder, 'path = "nnunet/member.json"', 'path = "/etc/member.json"'), "leads out"),
        (lambda folder: change(folder, 'path = "nnunet/member.json"', 'path = "nnunet/member.pkl"'), "no known kind"),
        (lambda folder: change(folder, "bytes = ", "bytes = -"), "integers from 0"),
    ],
)
def test_a_spoiled_folder_is_refused(folder: Path, spoil: Callable[[Path], object], message: str) -> None:
    spoil(folder)
    with pytest.raises(InputError, match=message):
        read_weights(folder)


def test_all_problems_are_told_at_once(folder: Path) -> None:
    flip_a_bit(folder)
    (folder / "nnunet" / "member.json").unlink()
    with pytest.raises(InputError) as caught:
        read_weights(folder)
    assert len(str(caught.value).splitlines()) == 2


def test_a_member_named_twice_is_refused(folder: Path) -> None:
    manifest = read_manifest(folder)
    write_manifest(folder, replace(manifest, shares=manifest.shares * 2))
    with pytest.raises(InputError, match="twice"):
        read_weights(folder)


def test_a_manifest_without_members_is_refused(folder: Path) -> None:
    (folder / MANIFEST).write_text('format = 1\nname = "empty"\ndescription = ""\nmember = []\nfile = []\n')
    with pytest.raises(InputError, match="names no member"):
        read_weights(folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"format": 1', '"format": 7', "is not supported"),
        ('"network": "nnunet"', '"network": "resnet"', "nnunet, mednext"),
        ('"fold_mean": "logits"', '"fold_mean": "logits", "magic": 1', "unknown keys"),
        ('"fold_mean": "logits"', '"fold_mean": "votes"', "logits, probabilities"),
        ('"orientation": "LPS"', '"orientation": "LLS"', "three letters"),
        ('"kind": "regions"', '"kind": "labels"', "has unknown keys|begin with the background"),
        ('"fold_0.safetensors"', '"../fold_0.safetensors"', "names no weights"),
        ('"fold_0.safetensors"', '"fold_0.pth"', "names no weights"),
        ('"t1c"', '"t1n"', "different ones"),
        ('"order_z": 0', '"order_z": 9', "too high"),
        ('"scheme": "NoNormalization"', '"scheme": "Mine"', "is unknown"),
        ('"provenance": {}', '"provenance": 3', "is not a table"),
        ("{", "[", "is not JSON"),
    ],
)
def test_a_member_that_is_described_oddly_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "member.json"
    write_description(path, description())
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message) as caught:
        read_description(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", b"\xff" * 64])
def test_a_file_that_is_no_safetensors_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "fold_0.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"fold_0\.safetensors: is not a safetensors file"):
        load_state(tmp_path / "fold_0.safetensors")
    with pytest.raises(InputError, match="cannot be read"):
        load_state(tmp_path / "absent.safetensors")
