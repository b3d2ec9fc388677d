"""The progress of a run: a bar on a terminal, one line a case elsewhere."""

import sys

from tqdm import tqdm

from bratseg.inference.run import CaseResult
from bratseval.challenge import LABEL_NAMES


class Progress:
    """Shows how far a run is, on stderr: a bar on a terminal, one line a case elsewhere."""

    def __init__(self, cases: int) -> None:
        self._cases = cases
        self._done = 0
        self._bar = tqdm(total=cases, unit="case", disable=not sys.stderr.isatty())

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def tile(self, member: int, members: int, tile: int, tiles: int) -> None:
        self._bar.set_postfix_str(f"member {member}/{members}, tile {tile}/{tiles}")

    def case(self, result: CaseResult) -> None:
        self._done += 1
        self._bar.update()
        self._bar.write(f"[{self._done}/{self._cases}] {case_line(result)}", file=sys.stderr)


def case_line(result: CaseResult) -> str:
    if result.state not in ("ok", "degraded"):
        return f"{result.case!r}: {result.state}: {result.reason}"
    found = ", ".join(
        f"{LABEL_NAMES.get(int(label), label)} {volume / 1000:.1f} ml" for label, volume in result.volumes_mm3.items()
    )
    warnings = "".join(f"\n    {warning}" for warning in result.warnings)
    return f"{result.case!r}: {result.state} in {result.seconds:.1f} s: {found or 'no tumour found'}{warnings}"
