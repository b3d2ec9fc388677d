"""The only NIfTI reader and writer here: it reads strictly and writes atomically.

Common readers accept files that are cut short, fail their checksum or have a NaN affine
(SimpleITK fills missing voxels with zeros). A tumour that is silently missing is worse than
an error, so this reader checks the header before it allocates memory, decompresses to the
end of the file so that length and CRC are verified, and names the file in every error.
Axes are (x, y, z) as nibabel gives them.
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

MAX_NONFINITE_SHARE: Final = 0.01  # of an image's voxels; with more the image is rejected, not repaired


@dataclass(frozen=True)
class VoxelGrid:
    """Where the voxels of an image lie.

    Attributes:
        shape: voxels along (x, y, z).
        affine: (4, 4), voxel indices to mm in RAS+; the sform if its code is set, else the
            qform (NIfTI-1 standard, methods 3 and 2).
        header: the 348 bytes as read, so that qform, sform and their codes can be written
            back unchanged.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    header: bytes

    @cached_property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel edges along (x, y, z) in mm, float64, from the affine."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)

    def difference(self, other: "VoxelGrid") -> float:
        """The largest absolute difference between the entries of two affines, in mm (per voxel, or of the origin)."""
        return float(np.abs(self.affine - other.affine).max())


T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class Image(Generic[T]):
    """A 3-D image in memory.

    Attributes:
        voxels: (x, y, z).
        grid: where they lie.
        warnings: what is unusual about the file, one message each; empty for a usual file.
    """

    voxels: NDArray[T]
    grid: VoxelGrid
    warnings: tuple[str, ...] = ()


def grid_of(shape: tuple[int, int, int], affine: NDArray[np.float64]) -> VoxelGrid:
    """A new grid in mm, with qform and sform equal to the affine, both with code 1 (scanner).

    Args:
        shape: voxels along (x, y, z).
        affine: (4, 4), voxel indices to mm in RAS+.

    Raises:
        ValueError: the affine has a voxel edge of 0.
    """
    header = nib.Nifti1Header()
    header.set_data_shape(shape)
    header.set_xyzt_units("mm")
    header.set_qform(affine, code=1)
    header.set_sform(affine, code=1)
    return VoxelGrid(shape, np.asarray(affine, dtype=np.float64), header.binaryblock)


def read_image(path: Path) -> Image[np.float32]:
    """The intensities of a 3-D NIfTI file as float32.

    A few NaN or infinite voxels (at most 1 %) become 0, with a warning.

    Raises:
        InputError: the file is not an intact 3-D NIfTI image, or all its voxels are equal.
    """
    raw = read_values(path)
    voxels, warnings = raw.voxels.astype(np.float32, copy=False), raw.warnings
    finite = np.isfinite(voxels)
    broken = voxels.size - int(np.count_nonzero(finite))
    if broken > MAX_NONFINITE_SHARE * voxels.size:
        raise InputError(
            f"{path}: {broken} of {voxels.size} voxels are NaN or infinite, expected numbers. Export the image again."
        )
    if broken:
        voxels = np.where(finite, voxels, np.float32(0))
        voxels_were = "voxel was" if broken == 1 else "voxels were"
        warnings = (*warnings, f"{path.name}: {broken} NaN or infinite {voxels_were} set to 0")
    if voxels.min() == voxels.max():
        raise InputError(
            f"{path}: every voxel is {voxels.flat[0]:g}, expected an image with different values. Export it again."
        )
    return Image(voxels, raw.grid, warnings)


def read_labels(path: Path) -> Image[np.uint8]:
    """The labels of a 3-D NIfTI segmentation as uint8.

    Floating-point files are accepted if every voxel is an exact integer.

    Raises:
        InputError: the file is not an intact 3-D NIfTI image, or a voxel is not an integer
            from 0 to 255.
    """
    image = read_values(path)
    raw = image.voxels
    with np.errstate(invalid="ignore"):
        labels = raw.astype(np.uint8, copy=False)
    if labels is raw or np.array_equal(labels, raw):
        return Image(labels, image.grid, image.warnings)
    if raw.dtype.kind == "f":
        exact = np.isfinite(raw) & (raw == np.floor(raw))
        if not exact.all():
            value = raw[~exact].flat[0]
            raise InputError(
                f"{path}: contains the value {value:g}, expected integer labels. Save labels, not probabilities."
            )
    low, high = raw.min(), raw.max()
    if low < 0 or high > 255:
        raise InputError(
            f"{path}: labels range from {low:g} to {high:g}, expected 0 to 255. Save the segmentation as uint8."
        )
    return Image(raw.astype(np.uint8), image.grid, image.warnings)


def read_values(path: Path) -> Image[np.generic]:
    """The values of a 3-D NIfTI file as stored: any integer or floating-point type, NaN included.

    A scale factor in the header (scl_slope, scl_inter) is applied, which gives float64.

    Raises:
        InputError: the file is not an intact 3-D NIfTI image.
    """
    with open_regular(path) as file:
        blocks = stream(path, file)
        head = next(blocks, b"")
        header = parse_header(path, head)
        dtype = header.fields.get_data_dtype()
        offset = int(header.fields["vox_offset"])
        content = _exactly(path, chain([head], blocks), offset + dtype.itemsize * int(np.prod(header.shape)))
    voxels = np.frombuffer(content, dtype=dtype, offset=offset).reshape(header.shape, order="F")
    return Image(_scaled(path, voxels, header.fields), _grid(header), header.warnings)


def read_grid(path: Path) -> VoxelGrid:
    """Where a file's voxels lie; only its header is read.

    Raises:
        InputError: the header is not that of a 3-D NIfTI image.
    """
    with open_regular(path) as file:
        return _grid(parse_header(path, next(stream(path, file), b"")))


def write_labels(path: Path, labels: NDArray[np.uint8], grid: VoxelGrid, description: str = "") -> None:
    """Write labels as a uint8 .nii.gz file, which appears complete or not at all.

    Affine, qform, sform, their codes and the units are those of `grid`, bit for bit.

    Args:
        path: of the file; an existing one is replaced.
        labels: (x, y, z), uint8, of the grid's shape.
        grid: where the voxels lie.
        description: ASCII, at most 79 characters, for the header's `descrip`.

    Raises:
        ValueError: `labels` is not uint8 of the grid's shape.
        OSError: the file cannot be written; nothing is left behind.
    """
    if labels.dtype != np.uint8 or labels.shape != grid.shape:
        raise ValueError(f"labels are {labels.dtype} {labels.shape}, expected uint8 {grid.shape} for this grid")
    _write(path, labels, grid, description)


def write_image(path: Path, voxels: NDArray[np.float32], grid: VoxelGrid) -> None:
    """Write intensities (x, y, z) as a float32 .nii.gz file, which appears complete or not at all.

    Raises:
        ValueError: `voxels` is not float32 of the grid's shape.
        OSError: the file cannot be written; nothing is left behind.
    """
    if voxels.dtype != np.float32 or voxels.shape != grid.shape:
        raise ValueError(f"voxels are {voxels.dtype} {voxels.shape}, expected float32 {grid.shape} for this grid")
    _write(path, voxels, grid, "")


# Reading


def _grid(header: Header) -> VoxelGrid:
    return VoxelGrid(header.shape, header.affine, header.block)


def _exactly(path: Path, blocks: Iterable[bytes], wanted: int) -> NDArray[np.uint8]:
    """The whole content of a file, which must have exactly `wanted` bytes."""
    content = np.empty(wanted, np.uint8)  # the header was checked, so this is within the caps
    filled = 0
    for block in blocks:
        if filled + len(block) > wanted:
            raise InputError(
                f"{path}: contains more data than its header declares ({wanted} bytes). Export the image again."
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
    if slope == 0 or not np.isfinite(slope):  # NIfTI-1: a slope of 0 means no scaling; here NaN and inf too
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
    """One gzip member without time stamp or file name, so that equal content gives equal files."""
    packer = isal_zlib.compressobj(level=3, wbits=31)
    return bytes(packer.compress(content) + packer.flush())
