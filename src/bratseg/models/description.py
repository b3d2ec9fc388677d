"""member.json: a member's description on disk, read strictly."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final, Literal, TypeVar, get_args

from bratseg.models.member import (
    FoldMean,
    Intensities,
    MedNeXtArchitecture,
    MemberDescription,
    Network,
    Normalization,
    Outputs,
    Preprocessing,
    Resampling,
    Scheme,
)
from bratseval.challenge import LABEL_NAMES, MODALITIES, Modality
from bratseval.files.atomic import write_json
from bratseval.files.json_fields import Fields, read_json

FORMAT: Final = 1
_Choice = TypeVar("_Choice", bound=str)


def write_description(path: Path, description: MemberDescription) -> None:
    """Write a member.json that `read_description` reads back as it was; whole or not at all."""
    table: dict[str, object] = {"format": FORMAT, **asdict(description)}
    outputs, recipe = asdict(description.outputs), asdict(description.preprocessing)
    if description.outputs.kind == "labels":
        del outputs["paint"]
    for scheme in recipe["normalization"]:
        if scheme["intensities"] is None:
            del scheme["intensities"]
    write_json(path, table | {"outputs": outputs, "preprocessing": recipe})


def read_description(path: Path) -> MemberDescription:
    """The description in a member.json.

    Raises:
        InputError: the file is missing, no JSON, of another format, or any
            key is missing, unknown or out of range.
    """
    fields = Fields(path, read_json(path))
    number = fields.integer("format", 1)
    if number != FORMAT:
        raise fields.error("is not supported", str(FORMAT), number, "format")
    network: Network = choice_of(fields, "network", get_args(Network))
    description = MemberDescription(
        network=network,
        architecture=_architecture(fields, network),
        inputs=read_inputs(fields),
        outputs=read_outputs(fields.table("outputs")),
        patch_size=fields.integers("patch_size", 3, 1),
        preprocessing=read_recipe(fields.table("preprocessing")),
        mirror_axes=fields.integers("mirror_axes"),
        fold_mean=choice_of(fields, "fold_mean", get_args(FoldMean)),
        folds=fields.texts("folds"),
        provenance=_mapping(fields, "provenance"),
    )
    fields.done()
    _check(fields, description)
    return description


def _check(fields: Fields, description: MemberDescription) -> None:
    """Refuse what the keys, one by one, cannot show."""
    scaled, wanted = len(description.preprocessing.normalization), len(description.inputs)
    if scaled != wanted:
        raise fields.error("does not match the inputs", f"{wanted} schemes", scaled, "preprocessing")
    axes = description.mirror_axes
    if len(set(axes)) != len(axes) or any(axis > 2 for axis in axes):
        raise fields.error("is impossible", "different axes out of 0, 1, 2", axes, "mirror_axes")
    folds = description.folds
    if not folds or len(set(folds)) != len(folds):
        raise fields.error("is impossible", "at least one file, each once", folds, "folds")
    for name in folds:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise fields.error("names no weights", "file names that end in .safetensors", name, "folds")
    patch = description.patch_size
    small = any(edge % 16 for edge in patch) or max(patch) == 16  # halved four times, and more than one voxel left
    if description.network == "mednext" and small:
        raise fields.error("does not fit MedNeXt", "multiples of 16, not all 16", patch, "patch_size")


def choice_of(fields: Fields, key: str, choices: tuple[_Choice, ...]) -> _Choice:
    """A string, typed as the one of `choices` that it is."""
    value = fields.text(key, choices)
    return next(choice for choice in choices if choice == value)


def _mapping(fields: Fields, key: str) -> Mapping[str, object]:
    value = fields.value(key)
    if not isinstance(value, dict):
        raise fields.error("is not a table", "a table", value, key)
    return value


def _architecture(fields: Fields, network: Network) -> Mapping[str, object] | MedNeXtArchitecture:
    if network == "nnunet":
        return _mapping(fields, "architecture")
    table = fields.table("architecture")
    architecture = MedNeXtArchitecture(
        channels=table.integer("channels", 1),
        kernel=table.integer("kernel", 1),
        blocks=table.integers("blocks", 9, 1),
        expansion=table.integers("expansion", 9, 1),
    )
    table.done()
    return architecture


def read_inputs(fields: Fields) -> tuple[Modality, ...]:
    """The key `inputs`: the modality of each channel."""
    names = fields.texts("inputs")
    unknown = [name for name in names if name not in MODALITIES]
    if unknown or not names or len(set(names)) != len(names):
        raise fields.error("is impossible", f"different ones of {', '.join(MODALITIES)}", names, "inputs")
    return tuple(modality for name in names for modality in MODALITIES if modality == name)


def read_outputs(table: Fields) -> Outputs:
    """The table `outputs`: what the channels mean."""
    kind: Literal["regions", "labels"] = choice_of(table, "kind", ("regions", "labels"))
    labels = table.integer_lists("labels")
    paint = table.integers("paint", len(labels), 1) if kind == "regions" else ()
    table.done()
    known = {0, *LABEL_NAMES}
    if not labels or any(not row or not set(row) <= known for row in labels):
        raise table.error("is impossible", f"lists of the labels {sorted(known)}", labels, "labels")
    if kind == "labels" and labels[0] != (0,):
        raise table.error("does not begin with the background", "[0] first", labels, "labels")
    if not set(paint) <= known:
        raise table.error("is impossible", f"labels out of {sorted(known)}", paint, "paint")
    return Outputs(kind, labels, paint)


def read_recipe(table: Fields) -> Preprocessing:
    """The table `preprocessing`."""
    recipe = Preprocessing(
        orientation=table.text("orientation"),
        transpose=table.integers("transpose", 3),
        spacing_mm=table.numbers("spacing_mm", 3),
        normalization=tuple(_normalization(row) for row in table.tables("normalization")),
        resample_image=_resampling(table.table("resample_image")),
        resample_output=_resampling(table.table("resample_output")),
    )
    table.done()
    if sorted(recipe.transpose) != [0, 1, 2]:
        raise table.error("is impossible", "0, 1 and 2 in some order", recipe.transpose, "transpose")
    if min(recipe.spacing_mm) <= 0:
        raise table.error("is impossible", "positive numbers", recipe.spacing_mm, "spacing_mm")
    pairs = ("LR", "PA", "SI")
    if sorted(next((p for p in pairs if letter in p), "") for letter in recipe.orientation) != sorted(pairs):
        raise table.error("is impossible", "three letters such as LPS", recipe.orientation, "orientation")
    return recipe


def _normalization(table: Fields) -> Normalization:
    scheme: Scheme = choice_of(table, "scheme", get_args(Scheme))
    use_mask = table.flag("use_mask")
    intensities = _intensities(table.table("intensities")) if scheme == "CTNormalization" else None
    table.done()
    return Normalization(scheme, use_mask, intensities)


def _intensities(table: Fields) -> Intensities:
    names = ("mean", "std", "percentile_00_5", "percentile_99_5")
    intensities = Intensities(*(table.number(name) for name in names))
    table.done()
    return intensities


def _resampling(table: Fields) -> Resampling:
    order, order_z = table.integer("order"), table.integer("order_z")
    force = table.value("force_separate_z")
    if force is not None and not isinstance(force, bool):
        raise table.error("is no choice", "true, false or null", force, "force_separate_z")
    table.done()
    if max(order, order_z) > 5:
        raise table.error("has an order that is too high", "0 to 5", (order, order_z))
    return Resampling(order, order_z, force)
