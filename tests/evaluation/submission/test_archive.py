"""Submissions as folders and archives: what is taken out of them, what is refused, and that nothing escapes."""

import gzip
import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import bratseval.submission.unpacking
from bratseval.errors import InputError
from bratseval.submission.archive import SubmissionFile, open_submission

NAMES = ("00001-000.nii.gz", "sub/00002-000.nii.gz", "sub/deeper/00003-000.nii.gz")


def folder(root: Path, *names: str) -> Path:
    for name in names:
        path = root / "submission" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root / "submission"


def zipped(root: Path, *names: str) -> Path:
    with zipfile.ZipFile(root / "submission.zip", "w") as packed:
        for name in names:
            packed.writestr(name, name)
    return root / "submission.zip"


def tarred(root: Path, *names: str, mode: str = "w", end: str = "tar") -> Path:
    path = root / f"submission.{end}"
    with tarfile.open(path, mode) as packed:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(name)
            packed.addfile(member, io.BytesIO(name.encode()))
    return path


def gzipped_tar(root: Path, *names: str) -> Path:
    return tarred(root, *names, mode="w:gz", end="tar.gz")


MAKERS = pytest.mark.parametrize("make", [folder, zipped, tarred, gzipped_tar])
ARCHIVES = pytest.mark.parametrize("make", [zipped, tarred, gzipped_tar])
Make = Callable[..., Path]


def by_place(submission: Path) -> dict[str, SubmissionFile]:
    with open_submission(submission) as files:
        return {file.inner_path: file for file in files}


@MAKERS
def test_files_are_named_without_folders(tmp_path: Path, make: Make) -> None:
    with open_submission(make(tmp_path, *NAMES)) as files:
        assert [file.inner_path for file in files] == list(NAMES)
        assert [file.name for file in files] == [Path(name).name for name in NAMES]
        assert [file.path.read_bytes() for file in files if file.path] == [name.encode() for name in NAMES]


@MAKERS
def test_what_systems_and_editors_leave_behind_is_ignored(tmp_path: Path, make: Make) -> None:
    left = ("__MACOSX/._00001-000.nii.gz", "._a.nii.gz", "~lock.nii.gz", ".DS_Store", ".idea/x.xml", "__init__.py")
    assert list(by_place(make(tmp_path, "00001-000.nii.gz", *left))) == ["00001-000.nii.gz"]


@ARCHIVES
def test_nothing_is_left_in_the_temporary_folder(tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    with open_submission(make(tmp_path, *NAMES)) as files:
        assert all(file.path and file.path.is_relative_to(tmp_path / "tmp") for file in files)
    assert list((tmp_path / "tmp").iterdir()) == []


@ARCHIVES
@pytest.mark.parametrize("place", ["../../escaped.nii.gz", "/tmp/escaped.nii.gz", "a/../../../escaped.nii.gz"])
def test_a_path_that_leads_elsewhere_is_unpacked_into_the_temporary_folder(
    tmp_path: Path, make: Make, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tmp_path / "tmp" / "inner"
    inner.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(inner))
    with open_submission(make(tmp_path, place)) as (file,):
        assert file.path is not None
        assert file.path.resolve().is_relative_to(inner)
        assert file.name == "escaped.nii.gz"
        assert file.display_name == f"{make(tmp_path, place)}:{place}"


@ARCHIVES
def test_one_name_twice_stays_two_files(tmp_path: Path, make: Make) -> None:
    with open_submission(make(tmp_path, "a/x.nii.gz", "b/x.nii.gz")) as files:
        assert [file.path.read_bytes() for file in files if file.path] == [b"a/x.nii.gz", b"b/x.nii.gz"]


@ARCHIVES
def test_files_that_are_no_images_are_listed_and_not_unpacked(tmp_path: Path, make: Make) -> None:
    file = by_place(make(tmp_path, "notes.txt"))["notes.txt"]
    assert file.path is None
    assert ":notes.txt: is not a .nii.gz file" in file.problem


def test_links_in_archives_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "links.tar"
    with tarfile.open(path, "w") as packed:
        for name, kind in (
            ("soft.nii.gz", tarfile.SYMTYPE),
            ("hard.nii.gz", tarfile.LNKTYPE),
            ("pipe", tarfile.FIFOTYPE),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            packed.addfile(member)
    found = by_place(path)
    assert all(file.path is None and "is a link or a device" in file.problem for file in found.values())
    assert sorted(found) == ["hard.nii.gz", "pipe", "soft.nii.gz"]

    with zipfile.ZipFile(tmp_path / "links.zip", "w") as packed_zip:
        link = zipfile.ZipInfo("soft.nii.gz")
        link.external_attr = 0o120777 << 16
        packed_zip.writestr(link, "/etc/passwd")
    assert "is a link or a device" in by_place(tmp_path / "links.zip")["soft.nii.gz"].problem


def test_links_out_of_a_folder_are_refused_and_those_within_are_read(tmp_path: Path) -> None:
    outside = tmp_path / "reference.nii.gz"
    outside.write_bytes(b"secret")
    root = folder(tmp_path, "real.nii.gz")
    (root / "out.nii.gz").symlink_to(outside)
    (root / "within.nii.gz").symlink_to(root / "real.nii.gz")
    (root / "up").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(root / "pipe.nii.gz")
    found = by_place(root)
    assert {place: file.path is not None for place, file in found.items()} == {
        "out.nii.gz": False,
        "pipe.nii.gz": False,
        "real.nii.gz": True,
        "up": False,
        "within.nii.gz": True,
    }
    assert "links to a file outside" in found["out.nii.gz"].problem
    assert "is not a regular file" in found["pipe.nii.gz"].problem


def test_a_file_that_unpacks_beyond_the_cap_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bratseval.submission.unpacking, "MAX_ENTRY_BYTES", 2 * 1024**2)
    for path, pack in ((tmp_path / "bomb.zip", _bomb_zip), (tmp_path / "bomb.tar.gz", _bomb_tar)):
        pack(path, 3 * 1024**2)
        found = by_place(path)
        assert found["bomb.nii.gz"].path is None
        assert "bomb.nii.gz: unpacks to more than 2097152 bytes" in found["bomb.nii.gz"].problem
        assert found["small.nii.gz"].path is not None


def _bomb_zip(path: Path, size: int) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("bomb.nii.gz", bytes(size))
        packed.writestr("small.nii.gz", b"1")


def _bomb_tar(path: Path, size: int) -> None:
    with tarfile.open(path, "w:gz") as packed:
        for name, content in (("bomb.nii.gz", bytes(size)), ("small.nii.gz", b"1")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))


def test_a_tar_that_unpacks_beyond_the_cap_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bratseval.submission.archive.MAX_UNPACKED_BYTES", 1024**2)
    _bomb_tar(tmp_path / "bomb.tar.gz", 3 * 1024**2)
    with pytest.raises(InputError, match="unpacks to more than 1048576 bytes"):
        by_place(tmp_path / "bomb.tar.gz")


@MAKERS
def test_too_many_files_are_refused(tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bratseval.submission.unpacking.MAX_ENTRIES", 2)
    monkeypatch.setattr("bratseval.submission.archive.MAX_ENTRIES", 2)
    with pytest.raises(InputError, match="contains more than 2 files"):
        by_place(make(tmp_path, *NAMES))


def test_an_encrypted_file_is_refused_by_name(tmp_path: Path) -> None:
    path = zipped(tmp_path, "a.nii.gz")
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flag, in the file's own header
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and in the directory
    path.write_bytes(content)
    assert "is encrypted" in by_place(path)["a.nii.gz"].problem


def test_a_damaged_file_in_a_zip_is_refused_by_name(tmp_path: Path) -> None:
    path = zipped(tmp_path, "a.nii.gz", "b.nii.gz")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"a.nii.gzPK", b"X.nii.gzPK", 1))  # its content, not its name
    found = by_place(path)
    assert "is damaged" in found["a.nii.gz"].problem
    assert found["b.nii.gz"].path is not None


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("text.zip", b"hello", "is not an archive"),
        ("cut.zip", b"PK\x03\x04" + bytes(40), "is damaged"),
        ("cut.tar.gz", gzip.compress(bytes(100), mtime=0)[:-9], "is damaged"),
        ("image.nii.gz", gzip.compress(b"no tar archive" * 100, mtime=0), "is damaged"),
        ("empty.zip", b"", "is empty"),
    ],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=told) as refused:
        by_place(tmp_path / name)
    assert str(refused.value).startswith(f"{tmp_path / name}: ")


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be opened"):
        by_place(tmp_path / "nothing.zip")
