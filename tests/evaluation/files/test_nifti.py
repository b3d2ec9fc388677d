"""The reader refuses every broken file by name; the writer keeps the grid and never leaves half a file."""

import gzip
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bratseval.errors import InputError
from bratseval.files.atomic import remove_partial_files
from bratseval.files.nifti import (
    grid_of,
    read_grid,
    read_image,
    read_labels,
    write_image,
    write_labels,
)

AFFINE = np.diag([-1.0, -2.0, 3.0, 1.0])


def sound(path: Path, voxels: np.ndarray | None = None) -> Path:
    image = np.arange(60, dtype=np.float32).reshape(3, 4, 5) if voxels is None else voxels
    nib.save(nib.Nifti1Image(image, AFFINE), path)
    return path


def plain_bytes(path: Path) -> bytearray:
    return bytearray(gzip.decompress(path.read_bytes()))


def with_field(path: Path, offset: int, packed: bytes) -> None:
    """Overwrite a header field of a .nii.gz."""
    content = plain_bytes(path)
    content[offset : offset + len(packed)] = packed
    path.write_bytes(gzip.compress(bytes(content)))


def test_a_sound_file_reads_as_nibabel_reads_it(tmp_path: Path) -> None:
    path = sound(tmp_path / "a.nii.gz")
    image = read_image(path)
    np.testing.assert_array_equal(image.voxels, nib.load(path).get_fdata())
    np.testing.assert_array_equal(image.grid.affine, AFFINE)
    assert image.grid.spacing_mm == (1.0, 2.0, 3.0)
    assert image.warnings == ()


def test_scaled_big_endian_and_uncompressed_files_read_as_nibabel_reads_them(tmp_path: Path) -> None:
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(">i2")
    image = nib.Nifti1Image(np.arange(24, dtype=">i2").reshape(2, 3, 4), AFFINE, header)
    image.header.set_slope_inter(0.5, 10)
    path = tmp_path / "a.nii"
    nib.save(image, path)
    assert plain_header(path)[:4] == struct.pack(">i", 348)
    np.testing.assert_array_equal(read_image(path).voxels, nib.load(path).get_fdata())


def plain_header(path: Path) -> bytes:
    return path.read_bytes()[:348]


def test_a_trailing_dimension_of_one_is_dropped(tmp_path: Path) -> None:
    path = sound(tmp_path / "a.nii.gz", np.arange(24, dtype=np.float32).reshape(2, 3, 4, 1))
    assert read_image(path).voxels.shape == (2, 3, 4)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def short(path: Path) -> None:
    path.write_bytes(gzip.compress(bytes(plain_bytes(path)[:-8])))


def long(path: Path) -> None:
    path.write_bytes(gzip.compress(bytes(plain_bytes(path)) + b"12345678"))


def wrong_crc(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-8] ^= 0xFF
    path.write_bytes(bytes(content))


def wrong_length(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 0xFF
    path.write_bytes(bytes(content))


def trailing_junk(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"junk")


def plain_named_gz(path: Path) -> None:
    path.write_bytes(bytes(plain_bytes(path)))


def web_page(path: Path) -> None:
    path.write_bytes(b"<html>not found</html>" * 40)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def wrong_magic(path: Path) -> None:
    with_field(path, 344, b"xyz\0")


def nan_affine(path: Path) -> None:
    with_field(path, 280, struct.pack("<f", float("nan")))


def zero_affine(path: Path) -> None:
    with_field(path, 280, struct.pack("<12f", *([0.0] * 12)))


def no_voxels(path: Path) -> None:
    with_field(path, 42, struct.pack("<h", 0))


def huge(path: Path) -> None:
    with_field(path, 42, struct.pack("<3h", 20000, 20000, 20000))


def too_many(path: Path) -> None:
    with_field(path, 42, struct.pack("<3h", 1024, 1024, 1024))


def four_dimensions(path: Path) -> None:
    sound(path, np.ones((2, 2, 2, 3), dtype=np.float32))


def complex_numbers(path: Path) -> None:
    sound(path, np.ones((2, 2, 2), dtype=np.complex64))


def unknown_type(path: Path) -> None:
    with_field(path, 70, struct.pack("<h", 999))


def wrong_bitpix(path: Path) -> None:
    with_field(path, 72, struct.pack("<h", 8))


def offset_past_the_end(path: Path) -> None:
    with_field(path, 108, struct.pack("<f", 1e9))


def all_nan(path: Path) -> None:
    sound(path, np.full((3, 4, 5), np.nan, dtype=np.float32))


def blank(path: Path) -> None:
    sound(path, np.full((3, 4, 5), 7, dtype=np.float32))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (cut, "cut short"),
        (short, "cut short, expected 592 bytes of image, got 584"),  # 352 + 60 voxels of 4 bytes
        (long, "more data than its header declares"),
        (wrong_crc, "damaged"),
        (wrong_length, "damaged"),
        (trailing_junk, "extra data after"),
        (plain_named_gz, "rename it to .nii"),
        (web_page, "not gzip data"),
        (empty, "is empty"),
        (fifo, "not a regular file"),
        (wrong_magic, "wrong magic"),
        (nan_affine, "affine contains NaN"),
        (zero_affine, "expected a voxel size that is not zero"),
        (no_voxels, "declares 0x4x5 voxels"),
        (huge, "declares 20000x20000x20000 voxels"),
        (too_many, "declares 1024x1024x1024 voxels"),
        (four_dimensions, "has 4 dimensions"),
        (complex_numbers, "voxels are complex64"),
        (unknown_type, "data type 999 is not in NIfTI-1"),
        (wrong_bitpix, "bitpix is 8, expected 32"),
        (offset_past_the_end, "vox_offset"),
        (all_nan, "60 of 60 voxels are NaN"),
        (blank, "every voxel is 7"),
    ],
)
def test_a_broken_file_is_refused_by_name(tmp_path: Path, spoil: Callable[[Path], None], message: str) -> None:
    path = sound(tmp_path / "broken.nii.gz")
    spoil(path)
    with pytest.raises(InputError) as refused:
        read_image(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert message in str(refused.value)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.nii\.gz: cannot be opened"):
        read_image(tmp_path / "absent.nii.gz")


def test_a_gzip_bomb_stops_at_the_declared_size(tmp_path: Path) -> None:
    # a header of 60 voxels, then 256 MiB of zeros packed into a fraction of it
    path = sound(tmp_path / "bomb.nii.gz")
    packer = zlib.compressobj(wbits=31)
    zeros = bytes(2**20)
    content = packer.compress(bytes(plain_bytes(path))) + b"".join(packer.compress(zeros) for _ in range(256))
    path.write_bytes(content + packer.flush())
    with pytest.raises(InputError, match="more data than its header declares"):
        read_image(path)


def test_a_few_nan_voxels_become_zero_with_a_warning(tmp_path: Path) -> None:
    voxels = np.arange(1000, dtype=np.float32).reshape(10, 10, 10)
    voxels[1, 2, 3] = np.nan
    image = read_image(sound(tmp_path / "a.nii.gz", voxels))
    assert image.voxels[1, 2, 3] == 0
    assert image.warnings == ("a.nii.gz: 1 NaN or infinite voxel was set to 0",)


def test_a_qform_that_contradicts_the_sform_is_a_warning_and_the_sform_is_used(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.arange(24, dtype=np.float32).reshape(2, 3, 4), AFFINE)
    image.set_sform(AFFINE, code=1)
    image.set_qform(np.eye(4), code=1)
    nib.save(image, tmp_path / "a.nii.gz")
    read = read_image(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(read.grid.affine, AFFINE)
    assert "qform and sform differ" in read.warnings[0]


def test_a_sheared_affine_is_a_warning_and_kept(tmp_path: Path) -> None:
    sheared = np.eye(4)
    sheared[0, 1] = 0.2
    image = nib.Nifti1Image(np.arange(24, dtype=np.float32).reshape(2, 3, 4), None)
    image.set_sform(sheared, code=2)
    nib.save(image, tmp_path / "a.nii.gz")
    read = read_image(tmp_path / "a.nii.gz")
    assert "not at right angles" in read.warnings[0]
    write_labels(tmp_path / "b.nii.gz", np.ones((2, 3, 4), dtype=np.uint8), read.grid)
    np.testing.assert_array_equal(nib.load(tmp_path / "b.nii.gz").affine, nib.load(tmp_path / "a.nii.gz").affine)


def test_labels_saved_as_floats_are_read_when_exact(tmp_path: Path) -> None:
    labels = np.array([0, 1, 2, 3], dtype=np.float64).reshape(4, 1, 1)
    read = read_labels(sound(tmp_path / "a.nii.gz", labels))
    assert read.voxels.dtype == np.uint8
    assert read.voxels.ravel().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0, 0.5], "contains the value 0.5"),
        ([0, np.nan], "contains the value nan"),
        ([0, -1], "-1 to 0"),
        ([0, 300], "0 to 300"),
    ],
)
def test_what_is_no_label_is_refused(tmp_path: Path, values: list[float], message: str) -> None:
    path = sound(tmp_path / "a.nii.gz", np.array(values, dtype=np.float64).reshape(2, 1, 1))
    with pytest.raises(InputError, match=message):
        read_labels(path)


def test_an_empty_segmentation_is_a_segmentation(tmp_path: Path) -> None:
    assert not read_labels(sound(tmp_path / "a.nii.gz", np.zeros((2, 2, 2), dtype=np.uint8))).voxels.any()


@pytest.mark.parametrize("codes", [(0, 1), (1, 0), (2, 4), (1, 1)])
def test_written_labels_carry_the_grid_of_the_image_unchanged(tmp_path: Path, codes: tuple[int, int]) -> None:
    turned = np.array([[0, -1.5, 0, 10], [0.7, 0, 0, -20], [0, 0, 2.0, 5.5], [0, 0, 0, 1]])
    image = nib.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), turned)
    image.set_qform(turned, code=codes[0])
    image.set_sform(turned, code=codes[1])
    nib.save(image, tmp_path / "image.nii.gz")
    labels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4) % 4
    write_labels(tmp_path / "seg.nii.gz", labels, read_grid(tmp_path / "image.nii.gz"), "made by a test")
    before, after = nib.load(tmp_path / "image.nii.gz"), nib.load(tmp_path / "seg.nii.gz")
    np.testing.assert_array_equal(np.asarray(after.dataobj), labels)
    assert after.get_data_dtype() == np.uint8
    for field in ("qform_code", "sform_code", "pixdim", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "srow_x"):
        np.testing.assert_array_equal(after.header[field], before.header[field], err_msg=field)
    np.testing.assert_array_equal(after.affine, before.affine)
    assert after.header["descrip"] == b"made by a test"


def test_labels_of_another_shape_or_type_are_not_written(tmp_path: Path) -> None:
    grid = grid_of((2, 3, 4), np.eye(4))
    with pytest.raises(ValueError, match="expected uint8"):
        write_labels(tmp_path / "a.nii.gz", np.zeros((4, 3, 2), dtype=np.uint8), grid)
    with pytest.raises(ValueError, match="expected float32"):
        write_image(tmp_path / "a.nii.gz", np.zeros((2, 3, 4)), grid)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_dies_leaves_no_file_under_the_real_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", die)
    with pytest.raises(KeyboardInterrupt):
        write_labels(tmp_path / "a.nii.gz", np.zeros((2, 3, 4), dtype=np.uint8), grid_of((2, 3, 4), np.eye(4)))
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".a.nii.gz.123.brats-harness-partial").write_bytes(b"half")
    (tmp_path / "b.nii.gz").write_bytes(b"whole")
    assert remove_partial_files(tmp_path) == [".a.nii.gz.123.brats-harness-partial"]
    assert [path.name for path in tmp_path.iterdir()] == ["b.nii.gz"]


def test_equal_content_gives_equal_files(tmp_path: Path) -> None:
    labels, grid = np.eye(4, dtype=np.uint8).reshape(4, 4, 1), grid_of((4, 4, 1), np.eye(4))
    write_labels(tmp_path / "a.nii.gz", labels, grid)
    write_labels(tmp_path / "b.nii.gz", labels, grid)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
