"""A child process: nnU-Net's own trainer, from raw cases to a checkpoint, as small as it goes.

Started with nnU-Net's three folders in its environment; its results are a model folder.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its usual name

RAW, PREPROCESSED, WORKERS = "nnUNet_raw", "nnUNet_preprocessed", "nnUNet_n_proc_DA"


def write_cases(dataset: Path) -> None:
    """Four cases of 24 x 28 x 26 voxels: noise in a ball, three nested cubes of tumour."""
    for folder in ("imagesTr", "labelsTr"):
        (dataset / folder).mkdir(parents=True)
    shape = (26, 28, 24)
    outside = sum(axis**2 for axis in np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")) > 0.95
    for case in range(4):
        rng = np.random.default_rng(case)
        labels = np.zeros(shape, dtype=np.uint8)
        for margin, label in ((7, 2), (9, 1), (11, 3)):
            labels[margin:-margin, margin:-margin, margin:-margin] = label
        for channel in range(4):
            voxels = rng.normal(300, 50, shape).astype(np.float32) + 40 * channel * labels
            voxels[outside] = 0
            image = sitk.GetImageFromArray(voxels)
            sitk.WriteImage(image, str(dataset / "imagesTr" / f"made_{case}_000{channel}.nii.gz"))
        sitk.WriteImage(sitk.GetImageFromArray(labels), str(dataset / "labelsTr" / f"made_{case}.nii.gz"))
    about = {
        "channel_names": {"0": "T1", "1": "T1ce", "2": "T2", "3": "Flair"},
        "labels": {"background": 0, "whole tumor": [1, 2, 3], "tumor core": [1, 3], "enhancing tumor": [3]},
        "regions_class_order": [2, 1, 3],
        "numTraining": 4,
        "file_ending": ".nii.gz",
    }
    (dataset / "dataset.json").write_text(json.dumps(about))


def train(preprocessed: Path) -> None:
    """One epoch of two batches on a small patch."""
    import torch
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    plans = json.loads((preprocessed / "nnUNetPlans.json").read_text())
    plans["configurations"]["3d_fullres"]["batch_size"] = 2
    architecture = plans["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"]
    architecture["features_per_stage"] = [4 for _ in architecture["features_per_stage"]]
    plans["continue_training"] = False
    dataset = json.loads((preprocessed / "dataset.json").read_text())
    trainer = nnUNetTrainer(plans, "3d_fullres", 0, dataset, device=torch.device("cpu"))
    trainer.num_epochs, trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch = 1, 2, 1
    trainer.run_training()


def main() -> None:
    name = "Dataset001_Made"
    write_cases(Path(os.environ[RAW]) / name)
    from nnunetv2.experiment_planning.plan_and_preprocess_api import (
        extract_fingerprints,
        plan_experiments,
        preprocess,
    )

    extract_fingerprints([1], num_processes=1, show_progress_bar=False)
    plan_experiments([1])
    preprocess([1], configurations=["3d_fullres"], num_processes=[1], show_progress_bar=False)
    folder = Path(os.environ[PREPROCESSED]) / name
    split = {"train": ["made_0", "made_1", "made_2"], "val": ["made_3"]}  # upstream's own wants five cases
    (folder / "splits_final.json").write_text(json.dumps([split]))
    os.environ[WORKERS] = "0"  # augmentation in this process; planning does not bear it
    train(folder)


if __name__ == "__main__":
    sys.exit(main())
