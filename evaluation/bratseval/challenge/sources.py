"""Numbers that several editions share, and the places that all numbers are from."""

from typing import Final

from bratseval.challenge.rules import RequiredGrid

# Official code. The 2024 and 2025 states of one repository differ in NSD, in MET, and in MEN, which came in 2025.
METRICS_2023: Final = "rachitsaluja/BraTS-2023-Metrics@43c9052 metrics.py"
METRICS_2024: Final = "rachitsaluja/BraTS-2024-Metrics@9a0ab9c metrics_{}.py"
METRICS_2025: Final = "rachitsaluja/BraTS-2024-Metrics@9e8879a metrics_{}.py"
METRICS_2026: Final = "PyPI BraTS_evaluation 0.0.8 on panoptica 2.1"
ANNOUNCED_2023: Final = "synapse.org syn51156910, thread 10357 (dilation and minimum volume of each challenge)"
PLATFORM_2024: Final = "Sage-Bionetworks-Challenges/brats2023@f429fcc validate.py, validate2024.py, score.py"
PLATFORM_2025: Final = "Sage-Bionetworks-Challenges/brats-infra@3c04557 validate2024.py, score.py, score_panoptica.py"
PLATFORM_2026: Final = "Sage-Bionetworks-Challenges/brats-infra@4d6b4b8 validate.py, score.py"

# ceil of sqrt(240^2 + 240^2 + 155^2) = 373.13, the diagonal of SRI24 (thread 10357); 2026 rounds it down
SRI24_MM: Final = 374.0
SRI24_2026_MM: Final = 373.0
MNI_MM: Final = 337.0  # metrics_GLI.py since 2024: sqrt(182^2 + 218^2 + 182^2) = 337.3

# validate.py: shape and qform in 2023; validate2024.py: the shape alone in 2024, three axes since
SRI24_SHAPE: Final = (240, 240, 155)
SRI24: Final = RequiredGrid(SRI24_SHAPE, ((-1, 0, 0, 0), (0, -1, 0, 239), (0, 0, 1, 0), (0, 0, 0, 1)))
SRI24_ANYWHERE: Final = RequiredGrid(SRI24_SHAPE)
MNI: Final = RequiredGrid((182, 218, 182))

# Ids in file names: defaults of validate.py, patterns in wf-segmentation/*.cwl
ID_2023: Final = r"\d{5}-\d{3}"
ID_2024: Final = r"\d{4,5}-\d{1,3}"  # 2025 as well; MET 2025 takes any BraTS... before it
ID_GOAT: Final = r"\d{5}"
ID_2026: Final = r"\d{5}(?:-\d{3})?"

TOLERANCES_2025: Final = (0.5, 1.0)  # normalized_surface_dice, both in mm
