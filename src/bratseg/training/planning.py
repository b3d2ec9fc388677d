"""Fingerprints, plans and preprocessing through upstream's own classes.

The fine-tuning dataset is planned; the pretraining one takes its plans, so that both
share spacing, normalisation and network. nnU-Net's three folders are in the environment
of the process that this runs in.
"""

import json
import shutil
from typing import Any, Final

from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.experiment_planning.experiment_planners.network_topology import get_pool_and_conv_props
from nnunetv2.experiment_planning.plans_for_pretraining.move_plans_between_datasets import move_plans_between_datasets
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor

from bratseg.models.member import MedNeXtArchitecture
from bratseg.training.campaign import Campaign, Domain, UnetSizes
from bratseg.training.layout import CONFIGURATIONS, DATASETS, PLANNER, PLANS, Layout
from bratseg.training.records import write_json

_SMALLEST_EDGE: Final = 4  # of the deepest features: nnunetv2 2.8.1, ExperimentPlanner
# Of all cases together; upstream draws 1e8 and holds them in memory. They only matter to CT, and MR is z-scored.
_SAMPLED_VOXELS: Final = 1_000_000
_DATA: Final = f"{PLANS}_3d_fullres"  # the preprocessed data, shared by both networks
_MOVED: Final = f"{PLANS}Moved"
_NETWORK: Final = "bratseg.training.mednext_trainer.MedNeXtNetwork"

Table = dict[str, Any]


def extract_fingerprint(campaign: Campaign, layout: Layout, domain: Domain) -> None:
    """Shapes, spacings and intensities of a raw dataset."""
    extractor = DatasetFingerprintExtractor(DATASETS[domain], campaign.processes)
    extractor.show_progress_bar = False
    extractor.num_foreground_voxels_for_intensitystats = _SAMPLED_VOXELS
    extractor.run(overwrite_existing=True)
    shutil.copyfile(layout.raw(domain) / "dataset.json", layout.preprocessed(domain) / "dataset.json")
    write_json(layout.preprocessed(domain) / "fingerprinted.json", {"dataset": DATASETS[domain]})


def make_plans(campaign: Campaign, layout: Layout) -> None:
    """Plan the fine-tuning dataset, put the campaign's patch and networks in, hand the plans on."""
    ExperimentPlanner(DATASETS["finetune"]).plan_experiment()
    folder = layout.preprocessed("finetune")
    planned = json.loads((folder / f"{PLANNER}.json").read_text("utf-8"))
    write_json(folder / f"{PLANS}.json", campaign_plans(planned, campaign))
    if "pretrain" not in campaign.data:
        return
    # under another name first: upstream writes in place, and the file under its own name means that all is done
    move_plans_between_datasets(DATASETS["finetune"], DATASETS["pretrain"], PLANS, _MOVED)
    moved = layout.preprocessed("pretrain") / f"{_MOVED}.json"
    plans = json.loads(moved.read_text("utf-8"))
    plans["plans_name"] = PLANS
    for configuration in plans["configurations"].values():
        if "data_identifier" in configuration:
            configuration["data_identifier"] = _DATA
    write_json(layout.preprocessed("pretrain") / f"{PLANS}.json", plans)
    moved.unlink()


def campaign_plans(planned: Table, campaign: Campaign) -> Table:
    """Upstream's plans with the campaign's patch, batch and networks.

    The 2-D and low-resolution configurations are left out. MedNeXt's configuration
    inherits all but the network and shares the preprocessed data.

    Args:
        planned: what the planner wrote.
    """
    full = dict(planned["configurations"]["3d_fullres"])
    full |= {"patch_size": list(campaign.patch_size), "batch_size": campaign.batch_size, "data_identifier": _DATA}
    if campaign.unet is not None:
        full["architecture"] = _unet(full, campaign.unet)
    configurations = {CONFIGURATIONS["nnunet"]: full}
    if campaign.mednext is not None:
        network = _mednext(campaign.mednext, checkpointing=campaign.checkpointing)
        configurations[CONFIGURATIONS["mednext"]] = {"inherits_from": "3d_fullres", "architecture": network}
    return {**planned, "plans_name": PLANS, "configurations": configurations}


def _unet(configuration: Table, sizes: UnetSizes) -> Table:
    """The planner's network with the stages that the patch allows, by the planner's own rule."""
    _, strides, kernels, _, _ = get_pool_and_conv_props(
        configuration["spacing"], configuration["patch_size"], _SMALLEST_EDGE, 999_999
    )
    stages = len(strides)
    kwargs = configuration["architecture"]["arch_kwargs"] | {
        "n_stages": stages,
        "features_per_stage": [min(sizes.features * 2**stage, sizes.largest) for stage in range(stages)],
        "kernel_sizes": [list(map(int, kernel)) for kernel in kernels],
        "strides": [list(map(int, stride)) for stride in strides],
        "n_conv_per_stage": [sizes.convolutions] * stages,
        "n_conv_per_stage_decoder": [sizes.convolutions] * (stages - 1),
    }
    return {**configuration["architecture"], "arch_kwargs": kwargs}


def _mednext(sizes: MedNeXtArchitecture, *, checkpointing: bool) -> Table:
    kwargs = {
        "channels": sizes.channels,
        "kernel": sizes.kernel,
        "blocks": list(sizes.blocks),
        "expansion": list(sizes.expansion),
        "checkpointing": checkpointing,
        "strides": [[1, 1, 1]] + [[2, 2, 2]] * 4,  # upstream reads them to halve the targets
    }
    return {"network_class_name": _NETWORK, "arch_kwargs": kwargs, "_kw_requires_import": []}


def preprocess(campaign: Campaign, layout: Layout, domain: Domain) -> None:
    """Cropped, normalised, resampled arrays of a whole dataset, used by both networks."""
    preprocessor = DefaultPreprocessor(verbose=False)
    preprocessor.show_progress_bar = False
    preprocessor.run(DATASETS[domain], CONFIGURATIONS["nnunet"], PLANS, campaign.processes)
    cases = sorted(json.loads(layout.cases(domain).read_text("utf-8")))
    write_json(layout.preprocessed(domain) / "preprocessed.json", cases)
