"""Where things lie: the checkout, the recorded numbers, and the real cases that may lie beside the project."""

from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parents[1]
ROOT: Final = TESTS.parent
GOLDEN: Final = TESTS / "golden"
REFERENCE: Final = TESTS / "reference"
SHARED: Final = ROOT.parent / "shared"
REAL_CASES: Final = SHARED / "data" / "real"
REAL_CASE: Final = REAL_CASES / "BraTS-GLI-00001-000"
