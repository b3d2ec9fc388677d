"""What BraTS calls things (modalities, labels, regions) and how each edition scores them.

Tables and nothing else: no array is touched here, and each number has its source beside it.
"""

from bratseval.challenge.editions import EDITIONS, edition
from bratseval.challenge.labels import ED, ET, LABEL_NAMES, MODALITIES, NCR, REGIONS, Modality
from bratseval.challenge.rules import Edition, Family, OneToOneRules, RegionRules, RequiredGrid

__all__ = [
    "ED",
    "EDITIONS",
    "ET",
    "LABEL_NAMES",
    "MODALITIES",
    "NCR",
    "REGIONS",
    "Edition",
    "Family",
    "Modality",
    "OneToOneRules",
    "RegionRules",
    "RequiredGrid",
    "edition",
]
