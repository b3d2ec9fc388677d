"""nnU-Net v2's plans.json and dataset.json: the description of a member, from old and new plans.

Source of the rules: nnunetv2 2.8.1, PlansManager and ConfigurationManager. Plans of
versions before 2.3 name no architecture; what those versions built is written out here.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bratseg.models.member import Intensities, Normalization, Preprocessing, Resampling, Scheme
from bratseval.errors import InputError

CLASSES: Final = ("PlainConvUNet", "ResidualEncoderUNet")
_LIBRARY: Final = "dynamic_network_architectures."
_SCHEMES: Final[Mapping[str, Scheme]] = {
    "ZScoreNormalization": "ZScoreNormalization",
    "CTNormalization": "CTNormalization",
    "NoNormalization": "NoNormalization",
    "RescaleTo01Normalization": "RescaleTo01Normalization",
    "RGBTo01Normalization": "RGBTo01Normalization",
}
# How each of upstream's readers orients the voxels: as BraTS stores them, or as the reader insists.
_READERS: Final = {"SimpleITKIO": "LPS", "NibabelIO": "LPS", "NibabelIOWithReorient": "RAS"}

Table = dict[str, Any]


def resolve_configuration(plans: Table, name: str, source: Path) -> Table:
    """A configuration with what it inherits, its own keys first.

    Raises:
        InputError: it or a parent is not in the plans, parents go round in a circle, or it
            is a 2-D or a cascade's second stage.
    """
    configurations = plans.get("configurations")
    resolved: Table = {}
    seen: list[str] = []
    parent: object = name
    while parent is not None:
        found = configurations.get(parent) if isinstance(configurations, dict) else None
        if not isinstance(found, dict) or parent in seen:
            known = ", ".join(configurations) if isinstance(configurations, dict) else "none"
            raise InputError(
                f"{source}: has no usable configuration {parent}, expected one of {known}. "
                "Take the plans that the model was trained with."
            )
        seen.append(str(parent))
        resolved = {**found, **resolved}
        parent = found.get("inherits_from")
    if len(resolved.get("patch_size", ())) != 3:
        raise InputError(f"{source}: {name} is a 2-D configuration, expected a 3-D one. Convert 3d_fullres instead.")
    if resolved.get("previous_stage"):
        raise InputError(
            f"{source}: {name} is the second stage of a cascade, expected a network that stands alone. "
            "Convert 3d_fullres instead."
        )
    return resolved


def architecture_of(configuration: Table, source: Path) -> Table:
    """The network's class and keywords, JSON only.

    Raises:
        InputError: another class than nnU-Net's plain and residual-encoder U-Nets, or missing keys.
    """
    try:
        if "architecture" not in configuration:
            return _old_architecture(configuration)
        found = configuration["architecture"]
        path, kwargs = str(found["network_class_name"]), dict(found["arch_kwargs"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{source}: does not describe a network, expected the keys of nnU-Net's plans, got {error!r}. "
            "Take the plans that the model was trained with."
        ) from error
    name = path.rpartition(".")[2]
    if name not in CLASSES or not path.startswith(_LIBRARY):
        raise InputError(
            f"{source}: the network {path} is not supported, expected {' or '.join(CLASSES)} of {_LIBRARY[:-1]}, "
            "or weights of a MedNeXt. Convert another model."
        )
    kwargs.pop("deep_supervision", None)
    return {"class": name, "kwargs": kwargs}


def _old_architecture(configuration: Table) -> Table:
    """What nnU-Net before 2.3 built from its plans; upstream's own reading of residual ones misnames a keyword."""
    name = str(configuration["UNet_class_name"])
    convolutions = list(configuration["n_conv_per_stage_encoder"])
    base, largest = int(configuration["UNet_base_num_features"]), int(configuration["unet_max_num_features"])
    kwargs: Table = {
        "n_stages": len(convolutions),
        "features_per_stage": [min(base * 2**stage, largest) for stage in range(len(convolutions))],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": configuration["conv_kernel_sizes"],
        "strides": configuration["pool_op_kernel_sizes"],
        "n_conv_per_stage" if name == "PlainConvUNet" else "n_blocks_per_stage": convolutions,
        "n_conv_per_stage_decoder": list(configuration["n_conv_per_stage_decoder"]),
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }
    if name not in CLASSES:
        raise ValueError(f"the network class {name}")
    return {"class": name, "kwargs": kwargs}


def recipe_of(plans: Table, configuration: Table, channels: int, source: Path) -> Preprocessing:
    """The preprocessing that a configuration was trained with.

    Raises:
        InputError: a preprocessor, reader, scheme or resampling that this harness does not
            have, by name; or missing keys.
    """
    try:
        _only(configuration, "preprocessor_name", ("DefaultPreprocessor",), source)
        _only(plans, "image_reader_writer", tuple(_READERS), source)
        _only(plans, "label_manager", ("LabelManager",), source)
        return Preprocessing(
            orientation=_READERS[plans.get("image_reader_writer", "SimpleITKIO")],
            transpose=tuple(int(axis) for axis in plans["transpose_forward"]),
            spacing_mm=tuple(float(edge) for edge in configuration["spacing"]),
            normalization=_normalization(plans, configuration, channels, source),
            resample_image=_resampling(configuration, "data", source),
            resample_output=_resampling(configuration, "probabilities", source),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{source}: does not describe the preprocessing, expected the keys of nnU-Net's plans, got {error!r}. "
            "Take the plans that the model was trained with."
        ) from error


def _only(table: Table, key: str, known: Sequence[str], source: Path) -> None:
    value = table.get(key)
    if value is not None and value not in known:
        raise InputError(
            f"{source}: {key} is {value}, expected {' or '.join(known)}. "
            "A model with code of its own cannot be converted: train it with nnU-Net's."
        )


def _normalization(plans: Table, configuration: Table, channels: int, source: Path) -> tuple[Normalization, ...]:
    names, masks = configuration["normalization_schemes"], configuration["use_mask_for_norm"]
    if len(names) != channels or len(masks) != channels:
        raise ValueError(f"{len(names)} schemes for {channels} channels")
    unknown = sorted(set(names) - set(_SCHEMES))
    if unknown:
        raise InputError(
            f"{source}: the normalisation {', '.join(unknown)} is not known, expected {', '.join(_SCHEMES)}. "
            "Convert a model trained with one of these."
        )
    return tuple(
        Normalization(_SCHEMES[name], bool(mask), _intensities(plans, number) if name == "CTNormalization" else None)
        for number, (name, mask) in enumerate(zip(names, masks, strict=True))
    )


def _intensities(plans: Table, channel: int) -> Intensities:
    new, old = "foreground_intensity_properties_per_channel", "foreground_intensity_properties_by_modality"
    found = plans[new if new in plans else old][str(channel)]
    return Intensities(
        mean=float(found["mean"]),
        std=float(found["std"]),
        percentile_00_5=float(found["percentile_00_5"]),
        percentile_99_5=float(found["percentile_99_5"]),
    )


def _resampling(configuration: Table, what: str, source: Path) -> Resampling:
    """The resampling of `data` or `probabilities`; torch's linear one is a spline of order 1 here."""
    name = configuration[f"resampling_fn_{what}"]
    kwargs = {key: value for key, value in configuration[f"resampling_fn_{what}_kwargs"].items() if key != "is_seg"}
    force = kwargs.pop("force_separate_z", None if name == "resample_torch_fornnunet" else False)
    threshold = kwargs.pop("separate_z_anisotropy_threshold", 3)
    if name == "resample_torch_fornnunet":
        mode = (kwargs.pop("mode", "linear"), kwargs.pop("aniso_axis_mode", "nearest-exact"))
        order, order_z = (1, 0) if mode == ("linear", "nearest-exact") else (-1, -1)
        kwargs = {key: kwargs[key] for key in kwargs if key not in ("memefficient_seg_resampling", "num_threads")}
    else:
        order, order_z = int(kwargs.pop("order", 3)), int(kwargs.pop("order_z", 0))
    known = name in ("resample_data_or_seg_to_shape", "resample_torch_fornnunet")
    if not known or kwargs or threshold != 3 or not (0 <= order <= 5 and 0 <= order_z <= 5):
        raise InputError(
            f"{source}: resampling_fn_{what} is {name} with "
            f"{configuration[f'resampling_fn_{what}_kwargs']}, expected nnU-Net's default or its linear torch "
            "resampling. Convert a model trained with one of these."
        )
    if force is not None and not isinstance(force, bool):
        raise ValueError(f"force_separate_z {force!r}")
    return Resampling(order, order_z, force)
