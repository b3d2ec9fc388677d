"""One answer to the task: nnU-Net and MedNeXt averaged, and adaptive post-processing.

>>> from bratseg import segment, load_ensemble

A name is loaded when it is first used, so that `import bratseg` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bratseg.api import SegmentedCase, load_ensemble, segment

__all__ = ["SegmentedCase", "load_ensemble", "segment"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'bratseg' has no attribute {name!r}")
    return getattr(import_module("bratseg.api"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
