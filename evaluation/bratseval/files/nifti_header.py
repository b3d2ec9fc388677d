"""The header of a NIfTI-1 file, checked before any voxel is read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from bratseval.errors import InputError

HEADER_BYTES: Final = 348
DESCRIPTION: Final = slice(148, 228)  # the bytes of `descrip` in a header
MAX_SIDE_VOXELS: Final = 1024
MAX_VOXELS: Final = 512 * 512 * 512  # a float64 volume of this size is 1 GiB
MAX_VOX_OFFSET: Final = 1024**2  # room for header extensions
_VOXEL_TYPES: Final = frozenset({"u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"})


@dataclass(frozen=True)
class Header:
    """A checked header.

    Attributes:
        fields: nibabel's view of it.
        block: its 348 bytes.
        shape: voxels along (x, y, z).
        affine: (4, 4), voxel indices to mm in RAS+.
        warnings: what is unusual, one message each.
    """

    fields: nib.Nifti1Header
    block: bytes
    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    warnings: tuple[str, ...]


def parse_header(path: Path, head: bytes) -> Header:
    """The header at the start of a file, checked, so that its image can be allocated.

    Args:
        path: of the file, for messages.
        head: its first bytes, at least 348 of an intact file.

    Raises:
        InputError: this is not the header of a 3-D NIfTI-1 image within the caps on its size.
    """
    if len(head) < HEADER_BYTES:
        raise InputError(
            f"{path}: has {len(head)} bytes, expected at least the {HEADER_BYTES} of a header. Copy or export it again."
        )
    block = bytes(head[:HEADER_BYTES])
    if int.from_bytes(block[:4], "little") == 540 or int.from_bytes(block[:4], "big") == 540:
        raise InputError(f"{path}: is NIfTI-2, expected NIfTI-1. Save it as NIfTI-1 (.nii.gz).")
    if block[344:348] not in (b"n+1\0", b"ni1\0") or not any(
        int.from_bytes(block[:4], order) == HEADER_BYTES for order in ("little", "big")
    ):
        raise InputError(f"{path}: is not a NIfTI-1 file (wrong magic number). Export it as .nii.gz.")
    if block[344:348] == b"ni1\0":
        raise InputError(f"{path}: is the header of a .hdr/.img pair, expected one .nii.gz file. Convert it.")
    header = nib.Nifti1Header(block, check=False)
    shape = _checked_shape(path, header)
    _check_dtype(path, header)
    offset = float(header["vox_offset"])
    if not (HEADER_BYTES <= offset <= MAX_VOX_OFFSET) or offset != int(offset):
        raise InputError(f"{path}: vox_offset is {offset:g}, expected 352 or a little more. Export the image again.")
    affine, warnings = _checked_affine(path, header)
    return Header(header, block, shape, affine, warnings)


def _checked_shape(path: Path, header: nib.Nifti1Header) -> tuple[int, int, int]:
    dims = [int(n) for n in header["dim"]]
    rank, sides = dims[0], dims[1:]
    if not 3 <= rank <= 7 or any(side != 1 for side in sides[3:rank]):
        got = "x".join(str(side) for side in sides[: max(0, min(rank, 7))]) or "none"
        raise InputError(f"{path}: has {rank} dimensions ({got}), expected a 3-D image. Save one volume per file.")
    x, y, z = sides[:3]
    if not all(1 <= side <= MAX_SIDE_VOXELS for side in (x, y, z)) or x * y * z > MAX_VOXELS:
        raise InputError(
            f"{path}: declares {x}x{y}x{z} voxels, expected 1 to {MAX_SIDE_VOXELS} per side "
            f"and at most {MAX_VOXELS} in total. Check that it is a brain image."
        )
    return x, y, z


def _check_dtype(path: Path, header: nib.Nifti1Header) -> None:
    code = int(header["datatype"])
    if code not in nib.nifti1.data_type_codes.dtype:
        raise InputError(f"{path}: data type {code} is not in NIfTI-1. Save it as int16 or float32.")
    dtype = header.get_data_dtype()
    if dtype.str[1:] not in _VOXEL_TYPES:
        name = nib.nifti1.data_type_codes.label[code]
        raise InputError(f"{path}: voxels are {name}, expected integers or floats. Save it as int16 or float32.")
    if int(header["bitpix"]) != 8 * dtype.itemsize:
        raise InputError(
            f"{path}: bitpix is {int(header['bitpix'])}, expected {8 * dtype.itemsize} for its data type. "
            "Export the image again."
        )


def _checked_affine(path: Path, header: nib.Nifti1Header) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """The affine (sform before qform) and warnings; if both forms are set, they are compared."""
    with np.errstate(all="ignore"):
        try:
            sform = header.get_sform(coded=True)[0]
            qform = header.get_qform(coded=True)[0]
        except (ValueError, nib.spatialimages.HeaderDataError) as error:
            raise InputError(f"{path}: its orientation is unreadable ({error}). Export the image again.") from None
        affine = np.asarray(header.get_best_affine() if sform is None else sform, dtype=np.float64)
    if not np.isfinite(affine).all():
        raise InputError(f"{path}: its affine contains NaN or infinity, expected numbers. Export the image again.")
    volume = abs(float(np.linalg.det(affine[:3, :3])))
    edges = np.linalg.norm(affine[:3, :3], axis=0)
    if (edges < 1e-3).any() or (edges > 100).any() or volume < 1e-6 * float(edges.prod()):
        raise InputError(
            f"{path}: its affine gives voxels of {edges[0]:g} x {edges[1]:g} x {edges[2]:g} mm and {volume:g} mm3, "
            "expected a voxel size that is not zero. Export the image again."
        )
    warnings = []
    if sform is not None and qform is not None and not np.allclose(sform, qform, atol=1e-2):
        warnings.append(
            f"{path.name}: qform and sform differ by up to {np.abs(sform - qform).max():.3g}; the sform is used"
        )
    axes = affine[:3, :3] / edges
    if np.abs(axes.T @ axes - np.eye(3)).max() > 1e-3:
        warnings.append(f"{path.name}: its axes are not at right angles; the voxels are used as stored")
    return affine, tuple(warnings)
