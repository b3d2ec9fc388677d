"""What the platform says about an upload: its own checks, in its order, with its own messages.

They stop at the first faulty file, name no file, and check neither labels nor missing
cases. Reported beside our own check, so that a participant knows both.

Source: validate.py (2023, 2026) and validate2024.py (2024, 2025), `Edition.sources`.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast

import nibabel as nib
import numpy as np

from bratseval.challenge import Edition, RequiredGrid
from bratseval.submission.archive import NIFTI_END, SubmissionFile
from bratseval.submission.pairing import platform_id_of

_MAX_CHARACTERS: Final = 500  # of an e-mail; the rest is cut off
_NO_FILES: Final = "Submission must be a tarball or zipped archive containing at least one NIfTI file."
_NOT_NIFTI: Final = "Not all files in the archive are NIfTI files (*.nii.gz)."
_UNREADABLE: Final = "One or more predictions cannot be opened as a NIfTI file."
_NOT_3D: Final = "One or more predictions is not a 3D image."
_NAMES: Final = (
    "Not all filenames in the archive follow the expected naming format. Please check the Submission Tutorial of the "
    "task you're submitting to for more details."
)
_DUPLICATES: Final = "Duplicate predictions found for one or more cases."


@dataclass(frozen=True)
class Verdict:
    """The platform's status for an upload and the message it sends: empty if valid, at most 500 characters."""

    status: Literal["VALIDATED", "INVALID"]
    message: str


def platform_verdict(submission: Sequence[SubmissionFile], cases: Collection[str], edition: Edition) -> Verdict:
    """The platform's verdict on an upload of these files.

    Args:
        submission: its files without ignored ones; empty if the upload is not an archive.
        cases: the ids of the cases for which the platform has references.
        edition: its year decides which checks there are.
    """
    if submission:
        reasons = [*_format_reasons(submission, edition), *_name_reasons(submission, cases, edition)]
    else:
        reasons = [_NO_FILES]
    message = "\n".join(reasons)
    if len(message) > _MAX_CHARACTERS:
        message = message[: _MAX_CHARACTERS - 4] + "..."
    return Verdict("INVALID" if reasons else "VALIDATED", message)


def _format_reasons(submission: Sequence[SubmissionFile], edition: Edition) -> list[str]:
    if not all(file.name.endswith(NIFTI_END) for file in submission):
        return [_NOT_NIFTI]
    reasons = (_file_reason(file, edition) for file in submission)
    return [first] if (first := next(filter(None, reasons), None)) else []


def _file_reason(file: SubmissionFile, edition: Edition) -> str | None:
    if file.path is None:
        return _UNREADABLE
    try:
        # only the header, as on the platform: a truncated file passes
        image = cast("nib.Nifti1Image", nib.load(file.path))
    except (nib.filebasedimages.ImageFileError, nib.spatialimages.HeaderDataError, ValueError, OSError):
        return _UNREADABLE
    if edition.required_grid is not None:
        return _grid_reason(image, edition.required_grid)
    if edition.year >= 2025 and len(image.shape) != 3:
        return _NOT_3D
    return None


def _grid_reason(image: nib.Nifti1Image, required: RequiredGrid) -> str | None:
    size = "x".join(map(str, required.shape))
    other_shape = image.shape != required.shape
    if required.qform is None:
        return f"One or more predictions is not a NIfTI file with dimension of {size}." if other_shape else None
    # during the challenge of 2023 a file failed only if both were wrong; "or" came on 2024-07-26 (42f113d)
    if other_shape and not np.array_equal(image.header.get_qform(), np.array(required.qform)):
        return f"One or more predictions is not a NIfTI file with dimension of {size} or origin at [0, -239, 0]."
    return None


def _name_reasons(submission: Sequence[SubmissionFile], cases: Collection[str], edition: Edition) -> list[str]:
    found = [re.search(rf"({edition.case_id})\.nii\.gz$", file.name) for file in submission]
    ids = [match[1] for match in found if match]
    if len(ids) < len(found):
        return [_NAMES]
    reasons = [_DUPLICATES] if len(set(ids)) < len(ids) else []
    unknown = sorted(set(ids) - {platform_id_of(case, edition) for case in cases})
    return reasons + ([f"Unknown scan IDs found: {', '.join(unknown)}"] if unknown else [])
