"""A foreign checkpoint's table, read by torch's restricted reader.

The only place that opens a pickle: a checkpoint that names anything but tensors and a few
numpy scalars is refused, and runs nothing.
"""

import re
from _pickle import UnpicklingError  # the class of torch's refusal; nothing is unpickled with this module
from collections.abc import Callable
from pathlib import Path
from struct import error as StructError  # noqa: N812 - a class that its module names in lower case
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import torch
from numpy._core.multiarray import scalar
from torch.torch_version import TorchVersion

from bratseval.errors import InputError

# Older ones let crafted files run code even under weights_only (CVE-2025-32434, CVE-2026-24747).
SAFE_TORCH: Final = "2.10"
# Numpy scalars in nnU-Net's logs, under the module's name before and since numpy 2.
_ALLOWED: Final[list[Callable[..., Any] | tuple[Callable[..., Any], str]]] = [
    (scalar, "numpy._core.multiarray.scalar"),
    (scalar, "numpy.core.multiarray.scalar"),
    np.dtype,
    *(type(np.dtype(kind)) for kind in (np.float16, np.float32, np.float64, np.int32, np.int64, np.bool_)),
]


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What a checkpoint holds, read by torch's restricted reader.

    Raises:
        InputError: it names a global that is not allowed (nothing of it is run), is damaged,
            is no table, or torch is too old to be safe.
    """
    if TorchVersion(torch.__version__) < SAFE_TORCH:
        raise InputError(
            f"torch: is {torch.__version__}, expected {SAFE_TORCH} or newer to open checkpoints. Update it."
        )
    try:
        with torch.serialization.safe_globals(_ALLOWED):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"{path}: is not there. Check the path.") from error
    except UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        what = f"names {named[1]}" if named else f"is not readable safely ({str(error).splitlines()[0]})"
        raise InputError(
            f"{path}: {what}, expected tensors and numbers only. It was refused and nothing of it was run."
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, LookupError, TypeError, BadZipFile, StructError) as error:
        raise InputError(f"{path}: is no checkpoint or is damaged, {error}. Take it from its source again.") from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: holds a {type(found).__name__}, expected a table of tensors. Take another file.")
    return found
