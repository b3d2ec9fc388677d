"""What BraTS calls things: modalities, labels, regions."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

Modality = Literal["t1n", "t1c", "t2w", "t2f"]
MODALITIES: Final[tuple[Modality, ...]] = get_args(Modality)

# Integers of a segmentation since 2023 (brats.md of every edition but PED, which renumbers them).
NCR: Final = 1  # necrotic core; NETC in the post-treatment editions
ED: Final = 2  # oedema; SNFH in the post-treatment editions
ET: Final = 3  # enhancing tumour
LABEL_NAMES: Final[Mapping[int, str]] = {NCR: "NCR", ED: "ED", ET: "ET"}

# Labels scored together.
REGIONS: Final[Mapping[str, frozenset[int]]] = {
    "WT": frozenset({NCR, ED, ET}),
    "TC": frozenset({NCR, ET}),
    "ET": frozenset({ET}),
}
