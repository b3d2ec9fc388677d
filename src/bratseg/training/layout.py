"""The paths of a campaign: nnU-Net's three folders, logs, and each stage's product."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bratseg.models.member import Network
from bratseg.training.campaign import Domain

PLANS: Final = "bratsegPlans"
PLANNER: Final = "nnUNetPlans"  # what upstream's planner calls its own
FINAL: Final = "checkpoint_final.pth"
LATEST: Final = "checkpoint_latest.pth"
BEST: Final = "checkpoint_best.pth"
HISTORY: Final = "history.json"
DATASETS: Final[dict[Domain, str]] = {"pretrain": "Dataset901_Pretrain", "finetune": "Dataset902_Finetune"}
CONFIGURATIONS: Final[dict[Network, str]] = {"nnunet": "3d_fullres", "mednext": "mednext"}
TRAINERS: Final[dict[Network, str]] = {"nnunet": "CampaignTrainer", "mednext": "MedNeXtTrainer"}


@dataclass(frozen=True)
class Layout:
    """The paths inside a campaign's folder."""

    folder: Path

    @property
    def campaign(self) -> Path:
        """The campaign file as it was when the folder was started."""
        return self.folder / "campaign.toml"

    @property
    def nnunet_raw(self) -> Path:
        """Upstream's folder of raw datasets."""
        return self.folder / "nnUNet_raw"

    @property
    def nnunet_preprocessed(self) -> Path:
        """Upstream's folder of preprocessed datasets."""
        return self.folder / "nnUNet_preprocessed"

    @property
    def nnunet_results(self) -> Path:
        """Upstream's folder of trained models."""
        return self.folder / "nnUNet_results"

    @property
    def curves(self) -> Path:
        """The picture of all loss curves."""
        return self.folder / "curves.png"

    def raw(self, domain: Domain) -> Path:
        """A domain's raw dataset."""
        return self.nnunet_raw / DATASETS[domain]

    def preprocessed(self, domain: Domain) -> Path:
        """A domain's preprocessed dataset, plans and splits."""
        return self.nnunet_preprocessed / DATASETS[domain]

    def cases(self, domain: Domain) -> Path:
        """The list of a domain's cases with the sha256 of each file."""
        return self.raw(domain) / "cases.json"

    def splits(self, domain: Domain) -> Path:
        """Upstream's file of folds."""
        return self.preprocessed(domain) / "splits_final.json"

    def model(self, domain: Domain, network: Network) -> Path:
        """Upstream's model folder: plans, dataset.json, a folder for each fold."""
        return self.nnunet_results / DATASETS[domain] / f"{TRAINERS[network]}__{PLANS}__{CONFIGURATIONS[network]}"

    def fold(self, domain: Domain, network: Network, fold: str) -> Path:
        """The folder of one fold's checkpoints."""
        return self.model(domain, network) / f"fold_{fold}"

    def log(self, stage: str) -> Path:
        """All output of a stage, over all its starts."""
        return self.folder / "logs" / f"{stage}.log"
