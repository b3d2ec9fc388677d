"""What BraTS_evaluation's `brats-evaluate` itself says of a region, before `brats-parse-metrics` makes columns of it.

The names are panoptica's. Volumes of whole masks are in voxels, whatever the names say;
distances of whole masks too, while those of instances are in mm (0.0.8 with panoptica 2.1.7).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from bratseval.metrics.mesh_surface import Spacing
from bratseval.scoring.match_2026 import OneToOneMatching


def evaluator_values(found: OneToOneMatching, spacing_mm: Spacing) -> Mapping[str, float]:
    """The values of one region under panoptica's names, in its order.

    Without a lesion there is no `rec`, without a component no `prec`. Where both are
    absent, what is measured is NaN; where no lesion has a partner, Dice and NSD are 0,
    HD95 is infinite, and deviations are NaN.
    """
    tp = len(found.official)
    fp, fn = found.prediction.count - tp, found.reference.count - tp
    entries = tp + 0.5 * fp + 0.5 * fn
    quality = tp / entries if entries else float("nan")  # panoptica's recognition quality, F1
    matched = [found.reference.voxels[lesion - 1] for lesion in found.official]
    voxel_mm3 = spacing_mm[0] * spacing_mm[1] * spacing_mm[2]
    dice = [measures.dice for measures in found.official.values()]
    return {
        "n_ref_instances": float(found.reference.count),
        "n_pred_instances": float(found.prediction.count),
        "tp": float(tp),
        "fp": float(fp),
        "fn": float(fn),
        **({"prec": tp / (tp + fp)} if tp + fp else {}),
        **({"rec": tp / (tp + fn)} if tp + fn else {}),
        "rq": quality,
        **_mean_and_std("sq_dsc", dice, entries, 0.0),
        "pq_dsc": _mean(dice, entries, 0.0) * quality,
        **_mean_and_std("sq_hd95", [measures.hd95 for measures in found.official.values()], entries, float("inf")),
        **_mean_and_std("sq_nsd", [measures.nsd for measures in found.official.values()], entries, 0.0),
        "instance_voxel_count_ref": _mean([float(voxels) for voxels in matched], 0.0, 0.0),
        "instance_volume_ref": _mean([float(voxels) * voxel_mm3 for voxels in matched], 0.0, 0.0),
        "global_bin_volume_pred": float(found.prediction.voxels.sum()),
        "global_bin_volume_ref": float(found.reference.voxels.sum()),
        "global_bin_dsc": found.whole.dice,
        "global_bin_hd95": found.whole.hd95,
        "global_bin_nsd": found.whole.nsd,
    }


def _mean_and_std(name: str, values: Sequence[float], entries: float, unmatched: float) -> Mapping[str, float]:
    deviation = float(np.std(values)) if values else float("nan")
    return {name: _mean(values, entries, unmatched), f"{name}_std": deviation}


def _mean(values: Sequence[float], entries: float, unmatched: float) -> float:
    """The mean over matched pairs; without one, `unmatched` if there is anything at all, else NaN."""
    if values:
        return float(np.mean(values))
    return unmatched if entries else float("nan")
