"""Weights folders: what is in one, proven by its manifest, and adding a member to one."""

import json
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from bratseg.models.description import read_description
from bratseg.models.member import MemberDescription
from bratseval.errors import InputError
from bratseval.files.atomic import write_text
from bratseval.files.json_fields import Fields
from bratseval.files.sha256 import sha256_of_file

FORMAT: Final = 1
MANIFEST: Final = "manifest.toml"
CLUSTERS: Final = "clusters.json"
DESCRIPTION: Final = "member.json"
_OPENED: Final = (".safetensors", ".json")  # the only kinds of file that the run time opens
_ADVICE: Final = "Take the weights folder from its source again."


@dataclass(frozen=True)
class ManifestFile:
    """One file of a weights folder: its place in it, its content's proof, its origin and its licence."""

    path: str
    sha256: str
    bytes: int
    source: str
    licence: str


@dataclass(frozen=True)
class Manifest:
    """What a manifest.toml says; `shares` gives each member's folder its part of the mean."""

    name: str
    description: str
    shares: tuple[tuple[str, float], ...]
    files: tuple[ManifestFile, ...]


@dataclass(frozen=True)
class WeightsMember:
    """A verified member: its folder, its part of the mean, its parsed member.json."""

    path: Path
    share: float
    description: MemberDescription


@dataclass(frozen=True)
class Weights:
    """A verified weights folder; `digest` is its manifest's sha256, which proves all the rest."""

    name: str
    members: tuple[WeightsMember, ...]
    clusters: Path | None
    digest: str


def default_weights() -> Path:
    """The bundled weights folder: inside an installed wheel, or at the top of a checkout.

    Raises:
        InputError: the package came without them.
    """
    room = Path(__file__).resolve().parent
    for folder in (room / "default", room.parents[2] / "weights"):
        if (folder / MANIFEST).is_file():
            return folder
    raise InputError("weights: none are bundled with this installation. Name a weights folder with --weights.")


def read_weights(folder: Path) -> Weights:
    """A weights folder, every file of it verified before any is opened.

    Raises:
        InputError: with all that is wrong: no manifest or an odd one; a listed file that
            is missing, changed, or lies outside the folder; a file that would be opened
            and is not listed; a member.json that does not describe a member.
    """
    manifest = read_manifest(folder)
    problems = _problems(folder, manifest)
    if problems:
        raise InputError("\n".join(problems))
    listed = {file.path for file in manifest.files}
    entries, problems = [], []
    for name, share in manifest.shares:
        try:
            entries.append(WeightsMember(folder / name, share, read_description(folder / name / DESCRIPTION)))
        except InputError as error:
            problems.append(str(error))
            continue
        problems += [
            f"{folder / name / fold}: is not in {MANIFEST}, expected every fold there. {_ADVICE}"
            for fold in entries[-1].description.folds
            if f"{name}/{fold}" not in listed
        ]
    if problems:
        raise InputError("\n".join(problems))
    return Weights(
        name=manifest.name,
        members=tuple(entries),
        clusters=folder / CLUSTERS if CLUSTERS in listed else None,
        digest=sha256_of_file(folder / MANIFEST),
    )


def read_manifest(folder: Path) -> Manifest:
    """What a weights folder's manifest says; nothing of it is verified yet.

    Raises:
        InputError: it is missing, no TOML, of another format, or has missing or unknown keys.
    """
    path = folder / MANIFEST
    try:
        fields = Fields(path, tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"{path}: cannot be read, {error.strerror}. Name a weights folder.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: is not TOML, {error}. {_ADVICE}") from None
    number = fields.integer("format", 1)
    if number != FORMAT:
        raise fields.error("is not supported", str(FORMAT), number, "format")
    manifest = Manifest(
        name=fields.text("name"),
        description=fields.text("description"),
        shares=tuple(_share(table) for table in fields.tables("member")),
        files=tuple(_file(table) for table in fields.tables("file")),
    )
    fields.done()
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a weights folder's manifest; whole or not at all."""
    text = [
        f"format = {FORMAT}",
        f"name = {_quoted(manifest.name)}",
        f"description = {_quoted(manifest.description)}",
    ]
    for name, share in manifest.shares:
        text += ["", "[[member]]", f"name = {_quoted(name)}", f"share = {share!r}"]
    for file in manifest.files:
        text += ["", "[[file]]", f"path = {_quoted(file.path)}", f'sha256 = "{file.sha256}"']
        text += [f"bytes = {file.bytes}", f"source = {_quoted(file.source)}", f"licence = {_quoted(file.licence)}"]
    write_text(folder / MANIFEST, "\n".join(text) + "\n")


def add_member(folder: Path, name: str, share: float, *, source: str, licence: str) -> Manifest:
    """List a member's files, already in `folder`/`name`, in the manifest, which is made if there is none.

    A member of the same name is replaced; the others stay as they are. A new
    manifest is named after the folder.

    Args:
        share: part of the mean; the shares need not add up to 1.
        source: where the member came from.
        licence: of its files.

    Returns:
        The manifest as written.
    """
    known = (folder / MANIFEST).exists()
    manifest = read_manifest(folder) if known else Manifest(folder.resolve().name, "", (), ())
    paths = sorted(path for path in (folder / name).iterdir() if path.suffix in _OPENED)
    new = tuple(list_file(folder, path, source=source, licence=licence) for path in paths)
    kept = tuple(file for file in manifest.files if PurePosixPath(file.path).parts[0] != name)
    shares = (*((other, part) for other, part in manifest.shares if other != name), (name, float(share)))
    manifest = replace(manifest, shares=shares, files=(*kept, *new))
    write_manifest(folder, manifest)
    return manifest


def list_file(folder: Path, path: Path, *, source: str, licence: str) -> ManifestFile:
    """The manifest's entry for a file inside a weights folder."""
    digest = sha256_of_file(path)
    return ManifestFile(path.relative_to(folder).as_posix(), digest, path.stat().st_size, source, licence)


def _share(table: Fields) -> tuple[str, float]:
    name, share = table.text("name"), table.number("share")
    table.done()
    if name in ("", ".", "..") or PurePosixPath(name).name != name or "\\" in name:
        raise table.error("is no folder's name", "a plain name", name, "name")
    if share <= 0:
        raise table.error("is impossible", "a positive number", share, "share")
    return name, share


def _file(table: Fields) -> ManifestFile:
    file = ManifestFile(
        path=table.text("path"),
        sha256=table.text("sha256"),
        bytes=table.integer("bytes"),
        source=table.text("source"),
        licence=table.text("licence"),
    )
    table.done()
    path = PurePosixPath(file.path)
    if path.is_absolute() or ".." in path.parts or "\\" in file.path or path.as_posix() != file.path:
        raise table.error("leads out of the folder", "a plain relative path", file.path, "path")
    if path.suffix not in _OPENED:
        raise table.error("is of no known kind", f"files that end in {' or '.join(_OPENED)}", file.path, "path")
    return file


def _problems(folder: Path, manifest: Manifest) -> list[str]:
    """All that the files on disk have against their manifest."""
    problems = []
    manifest_path = folder / MANIFEST
    listed = [file.path for file in manifest.files]
    names = [name for name, _ in manifest.shares]
    if not names:
        problems.append(f"{manifest_path}: names no member, expected at least one. {_ADVICE}")
    for repeated in {entry for entry in (*listed, *names) if listed.count(entry) + names.count(entry) > 1}:
        problems.append(f"{manifest_path}: names {repeated} twice, expected it once. {_ADVICE}")
    for name in names:
        if f"{name}/{DESCRIPTION}" not in listed:
            problems.append(f"{manifest_path}: does not list {name}/{DESCRIPTION}, expected it. {_ADVICE}")
    for file in manifest.files:
        problems += _file_problems(folder, file)
    for path in sorted(folder.rglob("*")):
        if path.suffix in _OPENED and path.relative_to(folder).as_posix() not in listed:
            problems.append(f"{path}: is not in {MANIFEST}, expected every file there. {_ADVICE}")
    return problems


def _file_problems(folder: Path, file: ManifestFile) -> list[str]:
    path = folder / file.path
    if not path.resolve().is_relative_to(folder.resolve()):
        return [f"{path}: is a link out of the weights folder, expected the file itself. {_ADVICE}"]
    if not path.is_file():
        return [f"{path}: is missing, expected {file.bytes} bytes. {_ADVICE}"]
    size = path.stat().st_size
    if size != file.bytes:
        return [f"{path}: has the wrong size, expected {file.bytes} bytes, got {size}. {_ADVICE}"]
    try:
        digest = sha256_of_file(path)
    except OSError as error:
        return [
            f"{path}: cannot be read ({error.strerror}), expected a file that every user may read. Correct its mode."
        ]
    if digest != file.sha256:
        return [f"{path}: was changed, expected sha256 {file.sha256}, got {digest}. {_ADVICE}"]
    return []


def _quoted(text: str) -> str:
    """A TOML string; JSON's escapes are a part of TOML's, and DEL is the one control left over."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
