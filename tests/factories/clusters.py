"""Clusters for tests, made from features that are made too."""

import numpy as np

from bratseg.postprocess.clusters import Cluster, Clusters
from bratseg.postprocess.thresholds import Fill, Mode, Redefinition, Removal, Thresholds
from bratseg.radiomics.feature_names import FEATURE_NAMES, PRESETS
from bratseg.radiomics.projection import Components, Scaler, Standard

NOTHING = Thresholds((), ())


def thresholds(redefine: tuple[str, float, str] | None = None, **below_mm3: float) -> Thresholds:
    """`thresholds(NCR=50, redefine=("ET", 0.1, "NCR"))`."""
    removals = tuple(Removal(of, float(below)) for of, below in below_mm3.items())
    return Thresholds(removals, (Redefinition(*redefine),) if redefine else ())


def volume_clusters(
    *volumes: tuple[float, float, Thresholds],
    fallback: Thresholds = NOTHING,
    mode: Mode = "labels",
    fill: Fill = "background",
) -> Clusters:
    """Clusters distinguished by the tumour's volume alone: (volume in voxels, limit of the distance in voxels, …)."""
    return Clusters(
        preset=PRESETS["sane"],
        names=("wt_shape_VoxelVolume",),
        scaler=Standard(np.zeros(1), np.ones(1)),
        components=Components(np.zeros(1), np.ones((1, 1)), (1.0,)),
        outlier_quantile=0.95,
        mode=mode,
        fill=fill,
        global_thresholds=fallback,
        clusters=tuple(Cluster(10, np.array([volume]), limit, own) for volume, limit, own in volumes),
        provenance={"cases": 10 * len(volumes)},
    )


def random_clusters(scaler: Scaler = "l2", names: tuple[str, ...] = FEATURE_NAMES) -> Clusters:
    """Clusters with numbers everywhere, none of which means anything."""
    generator = np.random.default_rng(0)
    own = (thresholds(NCR=75, ET=0.1 + 0.2, redefine=("ET", 1 / 3, "NCR")), thresholds(ED=25), NOTHING)
    return Clusters(
        preset=PRESETS["paper"],
        names=names,
        scaler=scaler,
        components=Components(
            generator.standard_normal(len(names)), generator.standard_normal((9, len(names))), (1 / 9,) * 9
        ),
        outlier_quantile=0.99,
        mode="labels",
        fill="surrounding",
        global_thresholds=thresholds(NCR=25),
        clusters=tuple(Cluster(7, generator.standard_normal(9), 1 / 7, each) for each in own),
        provenance={"source": "made here", "seed": 0},
    )
