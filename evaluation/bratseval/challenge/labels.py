"""The words of BraTS: modalities, the integers of a segmentation, and the regions made of them."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

Modality = Literal["t1n", "t1c", "t2w", "t2f"]
MODALITIES: Final[tuple[Modality, ...]] = get_args(Modality)

# Integers of a segmentation since 2023 (brats.md of every edition but PED since 2024 and MEN-RT).
NCR: Final = 1  # necrotic core; NETC in the post-treatment editions
ED: Final = 2  # oedema; SNFH in the post-treatment editions
ET: Final = 3  # enhancing tumour
LABEL_NAMES: Final[Mapping[int, str]] = {NCR: "NCR", ED: "ED", ET: "ET"}

# After treatment, and metastases since 2025: 4 is the resection cavity (syn64153130; metrics_GLI.py, metrics_MET.py).
POST_TREATMENT_LABELS: Final[Mapping[int, str]] = {1: "NETC", 2: "SNFH", 3: "ET", 4: "RC"}
# Paediatric tumours since 2024: renumbered, CC is the cystic component (metrics_PED.py).
PAEDIATRIC_LABELS: Final[Mapping[int, str]] = {1: "ET", 2: "NETC", 3: "CC", 4: "ED"}
# Meningioma before radiotherapy: the gross tumour volume alone (metrics_MEN_RT.py).
RADIOTHERAPY_LABELS: Final[Mapping[int, str]] = {1: "GTV"}

# Labels scored together.
REGIONS: Final[Mapping[str, frozenset[int]]] = {
    "WT": frozenset({NCR, ED, ET}),
    "TC": frozenset({NCR, ET}),
    "ET": frozenset({ET}),
}
POST_TREATMENT_REGIONS: Final[Mapping[str, frozenset[int]]] = {
    "WT": frozenset({1, 2, 3}),  # the cavity is no part of the tumour
    "TC": frozenset({1, 3}),
    "NETC": frozenset({1}),
    "SNFH": frozenset({2}),
    "ET": frozenset({3}),
    "RC": frozenset({4}),
}
METASTASIS_REGIONS: Final[Mapping[str, frozenset[int]]] = {**REGIONS, "RC": frozenset({4})}
PAEDIATRIC_REGIONS: Final[Mapping[str, frozenset[int]]] = {
    "WT": frozenset({1, 2, 3, 4}),
    "TC": frozenset({1, 2, 3}),
    "ET": frozenset({1}),
    "NETC": frozenset({2}),
    "CC": frozenset({3}),
    "ED": frozenset({4}),
}
RADIOTHERAPY_REGIONS: Final[Mapping[str, frozenset[int]]] = {"GTV": frozenset({1})}
