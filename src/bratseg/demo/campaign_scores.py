"""What pretraining and fine-tuning are worth: every case predicted by models that never saw it."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from bratseg.inference.config import read_config
from bratseg.inference.load import load_ensemble
from bratseg.inference.run import run_cases
from bratseg.training.campaign import Domain
from bratseg.training.pack import pack
from bratseval.challenge import EDITIONS
from bratseval.files.cases import FoundCases, find_cases
from bratseval.files.nifti import read_labels
from bratseval.scoring.case import score_case
from bratseval.scoring.lesionwise import LESION_DICE

EDITION: Final = "ssa-2024"


@dataclass(frozen=True)
class ModelScore:
    """A model's mean lesion-wise Dice of each region, over cases that it never saw.

    Attributes:
        model, cases: as the table shows them.
    """

    model: str
    cases: str
    dice: Mapping[str, float]

    @property
    def mean(self) -> float:
        """Over the regions."""
        return float(np.mean(list(self.dice.values())))


def predict_unseen(
    folder: Path, cases: Path, output: Path, *, domain: Domain, folds: Sequence[str], splits: Path
) -> None:
    """Predict each case with the fold that did not see it.

    Args:
        folder: a campaign's.
        cases: folder of case folders.
        output: folder for <id>.nii.gz of each; those that are there are kept.
        domain: `pretrain` predicts all cases with its one model, which was trained on none of them.
        folds: of the domain.
        splits: of the cases; not read for `pretrain`.
    """
    output.mkdir(parents=True, exist_ok=True)
    found = find_cases(cases)
    parts = json.loads(splits.read_text("utf-8")) if domain == "finetune" else []
    for fold in folds:
        held = parts[int(fold)]["val"] if domain == "finetune" else [case.id for case in found.cases]
        left = tuple(c for c in found.cases if c.id in held and not (output / f"{c.id}.nii.gz").exists())
        if left:
            _predict(folder, FoundCases(left), output, domain, fold)


def score_model(model: str, described: str, cases: Path, predictions: Path) -> ModelScore:
    """The score of a folder of predictions; `model` and `described` name model and cases in the table."""
    edition = EDITIONS[EDITION]
    dice: dict[str, list[float]] = {region: [] for region in edition.regions}
    for case in find_cases(cases).cases:
        if case.reference is None:
            continue
        reference, prediction = read_labels(case.reference), read_labels(predictions / f"{case.id}.nii.gz")
        scored = score_case(prediction.voxels, reference.voxels, reference.grid.spacing_mm, edition)
        for region, values in scored.regions.items():
            dice[region].append(values[LESION_DICE])
    return ModelScore(model, described, {region: float(np.mean(values)) for region, values in dice.items()})


def _predict(folder: Path, found: FoundCases, output: Path, domain: Domain, fold: str) -> None:
    config = replace(read_config(), postprocess=False)
    with tempfile.TemporaryDirectory() as scratch:
        weights = Path(scratch) / "weights"
        pack(folder, weights, licence="Apache-2.0", domain=domain, folds=[fold])
        with load_ensemble(weights, config, "cpu") as (ensemble, settings):
            run_cases(found, output, ensemble, settings)
