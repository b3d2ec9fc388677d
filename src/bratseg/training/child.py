"""python -m bratseg.training.child CAMPAIGN FOLDER STAGE: one stage, in a process of its own.

nnU-Net's folders are in its environment. It ends when its parent does: its standard
input is a pipe that the parent holds open.
"""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from bratseg.training.campaign import read_campaign
from bratseg.training.layout import Layout
from bratseg.training.stages import stages_of
from bratseval.errors import InputError

FAILED = 2


def main(argv: Sequence[str]) -> int:
    """Run one stage; gives the exit code."""
    source, folder, name = Path(argv[0]), Path(argv[1]), argv[2]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _run(source, folder, name)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    return 0


def _run(source: Path, folder: Path, name: str) -> None:
    campaign, layout = read_campaign(source), Layout(folder)
    stage = next(stage for stage in stages_of(campaign, layout) if stage.name == name)
    if stage.kind == "link":
        from bratseg.training.linking import link_dataset

        link_dataset(campaign.data[stage.domain], layout, stage.domain)
    elif stage.kind == "splits":
        from bratseg.training.splitting import place_splits

        place_splits(campaign, layout, stage.domain)
    elif stage.kind == "train":
        from bratseg.training.fold import train_fold

        train_fold(source, folder, name)
    else:
        from bratseg.training import planning

        if stage.kind == "fingerprint":
            planning.extract_fingerprint(campaign, layout, stage.domain)
        elif stage.kind == "plan":
            planning.make_plans(campaign, layout)
        else:
            planning.preprocess(campaign, layout, stage.domain)


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
