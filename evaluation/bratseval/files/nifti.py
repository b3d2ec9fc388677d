"""The only NIfTI reader and writer here: strict on the way in, atomic on the way out.

The readers in common use accept files that are cut short, fail their checksum or
carry a NaN affine (SimpleITK fills what is missing with zeros). A tumour that is
silently missing is worse than an error, so this reader checks the header before it
allocates, decompresses to the end of the file so that length and CRC count, and
names the file in every refusal. Axes are (x, y, z) as nibabel gives them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Final, Generic, TypeVar

import nibabel as nib
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from bratseval.errors import InputError
from bratseval.files.atomic import write_bytes
from bratseval.files.gzip_stream import open_regular, stream
from bratseval.files.nifti_header import Header, parse_header

MAX_NONFINITE_SHARE: Final = 0.01  # of an image's voxels; more than this is not a repairable image


@dataclass(frozen=True)
class VoxelGrid:
    """Where the voxels of an image lie.

    Attributes:
        shape: voxels along (x, y, z).
        affine: (4, 4), voxel indices to mm in RAS+; the sform when its code is set,
            else the qform (NIfTI-1 standard, methods 3 and 2).
        header: the 348 bytes as read, so that qform, sform and their codes can be
            written back unchanged.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    header: bytes

    @cached_property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel edge lengths along (x, y, z), taken from the affine."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)

    def difference(self, other: "VoxelGrid") -> float:
        """The largest difference between two affines, in mm (and mm per voxel)."""
        return float(np.abs(self.affine - other.affine).max())


T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class Image(Generic[T]):
    """Voxels (x, y, z), where they lie, and what was odd but bearable about the file."""

    voxels: NDArray[T]
    grid: VoxelGrid
    warnings: tuple[str, ...] = ()


def grid_of(shape: tuple[int, int, int], affine: NDArray[np.float64]) -> VoxelGrid:
    """A fresh grid in mm, with qform and sform equal to the affine, both with code 1 (scanner).

    Raises:
        ValueError: the affine has no voxel size.
    """
    header = nib.Nifti1Header()
    header.set_data_shape(shape)
    header.set_xyzt_units("mm")
    header.set_qform(affine, code=1)
    header.set_sform(affine, code=1)
    return VoxelGrid(shape, np.asarray(affine, dtype=np.float64), header.binaryblock)


def read_image(path: Path) -> Image[np.float32]:
    """The intensities of a 3-D NIfTI file as float32.

    A few NaN or infinite voxels (at most 1 %) become 0 and are told in `warnings`.

    Raises:
        InputError: the file is not a sound 3-D NIfTI image, or all its voxels are equal.
    """
    raw, grid, warnings = _read(path)
    voxels = raw.astype(np.float32, copy=False)
    finite = np.isfinite(voxels)
    broken = voxels.size - int(np.count_nonzero(finite))
    if broken > MAX_NONFINITE_SHARE * voxels.size:
        raise InputError(
            f"{path}: {broken} of {voxels.size} voxels are NaN or infinite, expected numbers. Export the image again."
        )
    if broken:
        voxels = np.where(finite, voxels, np.float32(0))
        warnings = (*warnings, f"{path.name}: {broken} NaN or infinite voxels were set to 0")
    if voxels.min() == voxels.max():
        raise InputError(
            f"{path}: every voxel is {voxels.flat[0]:g}, expected an image. The modality is blank: export it again."
        )
    return Image(voxels, grid, warnings)


def read_labels(path: Path) -> Image[np.uint8]:
    """The labels of a 3-D NIfTI segmentation as uint8.

    Floating-point files are accepted when every voxel is an exact integer.

    Raises:
        InputError: the file is not a sound 3-D NIfTI image, or a voxel is not an
            integer from 0 to 255.
    """
    raw, grid, warnings = _read(path)
    with np.errstate(invalid="ignore"):
        labels = raw.astype(np.uint8, copy=False)
    if labels is raw or np.array_equal(labels, raw):
        return Image(labels, grid, warnings)
    if raw.dtype.kind == "f":
        exact = np.isfinite(raw) & (raw == np.floor(raw))
        if not exact.all():
            value = raw[~exact].flat[0]
            raise InputError(
                f"{path}: holds the value {value:g}, expected integer labels. Save labels, not probabilities."
            )
    low, high = raw.min(), raw.max()
    if low < 0 or high > 255:
        raise InputError(
            f"{path}: labels run from {low:g} to {high:g}, expected 0 to 255. Save the segmentation as uint8."
        )
    return Image(raw.astype(np.uint8), grid, warnings)


def read_values(path: Path) -> Image[np.generic]:
    """The values of a 3-D NIfTI file as they are: any integer or floating-point type, NaN included.

    Raises:
        InputError: the file is not a sound 3-D NIfTI image.
    """
    return Image(*_read(path))


def read_grid(path: Path) -> VoxelGrid:
    """Where a file's voxels lie, from its header alone.

    Raises:
        InputError: the header is not that of a 3-D NIfTI image.
    """
    with open_regular(path) as file:
        return _grid(parse_header(path, next(stream(path, file), b"")))


def write_labels(path: Path, labels: NDArray[np.uint8], grid: VoxelGrid, description: str = "") -> None:
    """Write labels (x, y, z) as uint8 .nii.gz on `grid`; the file appears complete or not at all.

    Affine, qform, sform, their codes and the units are those of `grid`, bit for bit.

    Args:
        description: ASCII, at most 79 characters, kept in the header's `descrip`.

    Raises:
        ValueError: `labels` is not uint8 of the grid's shape.
        OSError: the disk refuses; nothing is left behind.
    """
    if labels.dtype != np.uint8 or labels.shape != grid.shape:
        raise ValueError(f"labels are {labels.dtype} {labels.shape}, the grid wants uint8 {grid.shape}")
    _write(path, labels, grid, description)


def write_image(path: Path, voxels: NDArray[np.float32], grid: VoxelGrid) -> None:
    """Write intensities (x, y, z) as float32 .nii.gz on `grid`; complete or not at all.

    Raises:
        ValueError: `voxels` is not float32 of the grid's shape.
        OSError: the disk refuses; nothing is left behind.
    """
    if voxels.dtype != np.float32 or voxels.shape != grid.shape:
        raise ValueError(f"voxels are {voxels.dtype} {voxels.shape}, the grid wants float32 {grid.shape}")
    _write(path, voxels, grid, "")


# Reading


def _grid(header: Header) -> VoxelGrid:
    return VoxelGrid(header.shape, header.affine, header.block)


def _read(path: Path) -> tuple[NDArray[np.generic], VoxelGrid, tuple[str, ...]]:
    with open_regular(path) as file:
        blocks = stream(path, file)
        head = next(blocks, b"")
        header = parse_header(path, head)
        dtype = header.fields.get_data_dtype()
        offset = int(header.fields["vox_offset"])
        content = _exactly(path, chain([head], blocks), offset + dtype.itemsize * int(np.prod(header.shape)))
    voxels = np.frombuffer(content, dtype=dtype, offset=offset).reshape(header.shape, order="F")
    return _scaled(path, voxels, header.fields), _grid(header), header.warnings


def _exactly(path: Path, blocks: Iterable[bytes], wanted: int) -> NDArray[np.uint8]:
    """The file's content, taken to its end, when it has just the size that its header declares."""
    content = np.empty(wanted, np.uint8)  # the header was checked, so this allocation is within the caps
    filled = 0
    for block in blocks:
        if filled + len(block) > wanted:
            raise InputError(
                f"{path}: holds more data than its header declares ({wanted} bytes). Export the image again."
            )
        content[filled : filled + len(block)] = np.frombuffer(block, np.uint8)
        filled += len(block)
    if filled < wanted:
        raise InputError(
            f"{path}: is cut short, expected {wanted} bytes of image, got {filled}. Copy or export the file again."
        )
    return content


def _scaled(path: Path, voxels: NDArray[np.generic], header: nib.Nifti1Header) -> NDArray[np.generic]:
    native = voxels.astype(voxels.dtype.newbyteorder("="), copy=False)
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not np.isfinite(slope):  # NIfTI-1 standard: a slope of 0 means no scaling; so do NaN and inf here
        return native
    if not np.isfinite(intercept):
        raise InputError(f"{path}: scl_inter is {intercept}, expected a number. Export the image again.")
    if (slope, intercept) == (1.0, 0.0):
        return native
    return native * np.float64(slope) + np.float64(intercept)


# Writing


def _write(path: Path, voxels: NDArray[np.generic], grid: VoxelGrid, description: str) -> None:
    header = nib.Nifti1Header(grid.header, check=False).as_byteswapped("<")
    header.set_data_dtype(voxels.dtype)
    header.set_data_shape(grid.shape)
    header["vox_offset"] = 352
    header["scl_slope"], header["scl_inter"] = 1, 0
    header["cal_min"] = header["cal_max"] = 0
    header["intent_code"] = 0
    header["aux_file"] = b""
    header["descrip"] = description.encode("ascii")[:79]
    header["magic"] = b"n+1"
    content = header.binaryblock + b"\0\0\0\0" + voxels.astype(voxels.dtype.newbyteorder("<")).tobytes(order="F")
    write_bytes(path, _gzip(content))


def _gzip(content: bytes) -> bytes:
    """One gzip member without a time or a name, so that equal content gives equal files."""
    packer = isal_zlib.compressobj(level=3, wbits=31)
    return bytes(packer.compress(content) + packer.flush())
