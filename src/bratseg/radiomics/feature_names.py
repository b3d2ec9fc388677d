"""The 386 features that clusters are fitted on: their names, their order, and the settings they are measured with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bratseval.challenge import MODALITIES

# Whose numbers clusters are fitted on, as files name it.
EXTRACTOR: Final = "pyradiomics 3.0.1"
# Features by pyradiomics' class, in the order in which 3.0.1 gives them; those it calls deprecated are left out.
SHAPE: Final = (
    "Elongation Flatness LeastAxisLength MajorAxisLength Maximum2DDiameterColumn Maximum2DDiameterRow"
    " Maximum2DDiameterSlice Maximum3DDiameter MeshVolume MinorAxisLength Sphericity SurfaceArea"
    " SurfaceVolumeRatio VoxelVolume"
)
INTENSITY: Final[Mapping[str, str]] = {
    "firstorder": (
        "10Percentile 90Percentile Energy Entropy InterquartileRange Kurtosis Maximum MeanAbsoluteDeviation Mean"
        " Median Minimum Range RobustMeanAbsoluteDeviation RootMeanSquared Skewness TotalEnergy Uniformity Variance"
    ),
    "glcm": (
        "Autocorrelation ClusterProminence ClusterShade ClusterTendency Contrast Correlation DifferenceAverage"
        " DifferenceEntropy DifferenceVariance Id Idm Idmn Idn Imc1 Imc2 InverseVariance JointAverage JointEnergy"
        " JointEntropy MCC MaximumProbability SumAverage SumEntropy SumSquares"
    ),
    "gldm": (
        "DependenceEntropy DependenceNonUniformity DependenceNonUniformityNormalized DependenceVariance"
        " GrayLevelNonUniformity GrayLevelVariance HighGrayLevelEmphasis LargeDependenceEmphasis"
        " LargeDependenceHighGrayLevelEmphasis LargeDependenceLowGrayLevelEmphasis LowGrayLevelEmphasis"
        " SmallDependenceEmphasis SmallDependenceHighGrayLevelEmphasis SmallDependenceLowGrayLevelEmphasis"
    ),
    "glrlm": (
        "GrayLevelNonUniformity GrayLevelNonUniformityNormalized GrayLevelVariance HighGrayLevelRunEmphasis"
        " LongRunEmphasis LongRunHighGrayLevelEmphasis LongRunLowGrayLevelEmphasis LowGrayLevelRunEmphasis RunEntropy"
        " RunLengthNonUniformity RunLengthNonUniformityNormalized RunPercentage RunVariance ShortRunEmphasis"
        " ShortRunHighGrayLevelEmphasis ShortRunLowGrayLevelEmphasis"
    ),
    "glszm": (
        "GrayLevelNonUniformity GrayLevelNonUniformityNormalized GrayLevelVariance HighGrayLevelZoneEmphasis"
        " LargeAreaEmphasis LargeAreaHighGrayLevelEmphasis LargeAreaLowGrayLevelEmphasis LowGrayLevelZoneEmphasis"
        " SizeZoneNonUniformity SizeZoneNonUniformityNormalized SmallAreaEmphasis SmallAreaHighGrayLevelEmphasis"
        " SmallAreaLowGrayLevelEmphasis ZoneEntropy ZonePercentage ZoneVariance"
    ),
    "ngtdm": "Busyness Coarseness Complexity Contrast Strength",
}
# The 386 columns: shape once, then each modality's 93. Order and names: the winners' public feature tables.
FEATURE_NAMES: Final = (
    *(f"wt_shape_{name}" for name in SHAPE.split()),
    *(
        f"wt_{modality}_{family}_{name}"
        for modality in MODALITIES
        for family, names in INTENSITY.items()
        for name in names.split()
    ),
)


@dataclass(frozen=True)
class Preset:
    """How pyradiomics is set; `settings` are its own, everything else is its default."""

    name: str
    settings: Mapping[str, bool | int]


PRESETS: Final[Mapping[str, Preset]] = {
    preset.name: preset
    for preset in (
        # The winners' params.yaml, whole. Normalised to a standard deviation of 1 and cut into bins of 25, a
        # tumour has one or two grey levels, so its textures depend on little but how many voxels there are.
        Preset("paper", {"normalize": True, "geometryTolerance": 10}),
        # Ours: as many grey levels in every modality and case, so textures differ between tumours and cost the same.
        Preset("sane", {"normalize": True, "normalizeScale": 100, "binCount": 32}),
    )
}
