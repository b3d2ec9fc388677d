"""What a foreign model's channels and labels mean in BraTS's words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from bratseg.models.member import Outputs
from bratseval.challenge import ED, ET, LABEL_NAMES, NCR, Modality
from bratseval.errors import InputError

# Names in dataset.json files of BraTS models, lower case, letters and digits only.
_MODALITIES: Final[Mapping[str, Modality]] = {
    **dict.fromkeys(("t1", "t1n", "t1w", "t1native", "t1pre"), "t1n"),
    **dict.fromkeys(("t1c", "t1ce", "t1gd", "t1cw", "t1wce", "t1contrast", "t1post", "t1km"), "t1c"),
    **dict.fromkeys(("t2", "t2w"), "t2w"),
    **dict.fromkeys(("flair", "t2f", "t2flair", "fla"), "t2f"),
}
_LABELS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("background", "bg"), 0),
    **dict.fromkeys(("ncr", "netc", "ncrnet", "ncrnetc", "net", "necrosis", "necrotic", "necroticcore"), NCR),
    **dict.fromkeys(("necrotictumorcore", "nonenhancing", "nonenhancingtumor", "nonenhancingtumorcore"), NCR),
    "necroticandnonenhancingtumorcore": NCR,
    **dict.fromkeys(("ed", "edema", "oedema", "snfh", "peritumoraledema", "peritumoraloedema"), ED),
    **dict.fromkeys(("invadedtissue", "peritumoraledematousinvadedtissue"), ED),
    "surroundingnonenhancingflairhyperintensity": ED,
    **dict.fromkeys(("et", "at", "enhancing", "enhancingtumor", "enhancingtumour", "gdenhancingtumor"), ET),
}

LabelMap = Mapping[int, int]  # a dataset's label -> BraTS's


@dataclass(frozen=True)
class Meaning:
    """A model's outputs in BraTS's labels, and how that was found out."""

    outputs: Outputs
    label_map: LabelMap
    reason: str


def modalities_of(names: Sequence[str], source: Path) -> tuple[Modality, ...]:
    """The modality of each channel, from the channels' names.

    Args:
        names: in channel order, such as T1, T1ce, T2, Flair; case and punctuation do not matter.
        source: the file they stand in.

    Raises:
        InputError: a name says no modality, or two say the same.
    """
    found = [_MODALITIES.get(_plain(name)) for name in names]
    known = [modality for modality in found if modality is not None]
    if len(known) < len(names) or len(set(known)) < len(known):
        raise InputError(
            f"{source}: channel_names are {', '.join(names)}, expected one name for each of t1n, t1c, t2w and t2f. "
            "Give the modality of each channel in order, such as --channels t1n,t1c,t2w,t2f."
        )
    return tuple(known)


def meaning_of(
    labels: Mapping[str, object], order: Sequence[int] | None, given: LabelMap | None, source: Path
) -> Meaning:
    """What the outputs of an nnU-Net v2 model mean, from the labels of its dataset.json.

    Three nested regions show by themselves which label is which: the largest without the
    next is oedema, that without the smallest is necrosis. Other labels go by their names,
    and as they are when no name says anything and they are BraTS's 0 to 3.

    Args:
        labels: name to label, or to the list of labels of a region; `ignore` does not count.
        order: regions_class_order, the label painted for each region.
        given: dataset's labels to BraTS's; overrides what would be found out.
        source: the file, for messages.

    Raises:
        InputError: labels that are no integers, regions without an order, or meanings that
            cannot be found out.
    """
    regions = {name: _integers(value, name, source) for name, value in labels.items() if name != "ignore"}
    if not any(isinstance(labels[name], list) and len(region) > 1 for name, region in regions.items()):
        return _labels_meaning(regions, given, source)
    foreground = [region for region in regions.values() if set(region) != {0}]
    if order is None or len(order) != len(foreground):
        raise InputError(
            f"{source}: regions_class_order has {len(order or ())} entries, expected {len(foreground)}, one a region. "
            "Correct the file."
        )
    label_map, reason = (given, "given") if given else _map_of_regions(foreground, source)
    outputs = Outputs(
        "regions",
        tuple(tuple(sorted({_mapped(label, label_map, source) for label in region})) for region in foreground),
        tuple(_mapped(label, label_map, source) for label in order),
    )
    return Meaning(outputs, label_map, reason)


def _labels_meaning(regions: Mapping[str, tuple[int, ...]], given: LabelMap | None, source: Path) -> Meaning:
    values = sorted(label for region in regions.values() for label in region)
    label_map, reason = (given, "given") if given else _map_of_names(regions, source)
    channels = tuple((_mapped(label, {0: 0, **label_map}, source),) for label in values)
    if values != list(range(len(values))) or len(set(channels)) < len(channels):
        raise InputError(
            f"{source}: labels {values} mean {[label for (label,) in channels]}, expected consecutive labels from 0 "
            "with different meanings. Give --label-map, such as 1=2,2=1,3=3."
        )
    return Meaning(Outputs("labels", channels), label_map, reason)


def _map_of_regions(regions: Sequence[tuple[int, ...]], source: Path) -> tuple[LabelMap, str]:
    nested = sorted((set(region) for region in regions), key=len, reverse=True)
    if [len(region) for region in nested] == [3, 2, 1] and all(a > b for a, b in pairwise(nested)):
        whole, core, enhancing = nested
        (oedema,), (necrosis,), (active,) = whole - core, core - enhancing, enhancing
        return {oedema: ED, necrosis: NCR, active: ET}, "three nested regions show their labels"
    used = set().union(*nested)
    if used <= set(LABEL_NAMES):
        return {label: label for label in sorted(used)}, "taken as BraTS's labels: the regions are not nested"
    raise _unclear(sorted(used), source)


def _map_of_names(regions: Mapping[str, tuple[int, ...]], source: Path) -> tuple[LabelMap, str]:
    by_name = {label: _LABELS.get(_plain(name)) for name, (label,) in regions.items() if label != 0}
    named = {label: meaning for label, meaning in by_name.items() if meaning is not None}
    if named and len(named) == len(by_name):
        return named, "by the labels' names"
    if not named and set(by_name) == set(LABEL_NAMES):
        return {label: label for label in sorted(by_name)}, "taken as BraTS's labels: their names say nothing"
    raise _unclear(sorted(by_name), source)


def _unclear(labels: Sequence[int], source: Path) -> InputError:
    meanings = ", ".join(f"{name} {label}" for label, name in LABEL_NAMES.items())
    return InputError(
        f"{source}: what its labels {', '.join(map(str, labels))} mean cannot be seen from their names, expected "
        f"{meanings}. Give --label-map, such as 1=2,2=1,3=3."
    )


def _mapped(label: int, label_map: LabelMap, source: Path) -> int:
    if label_map.get(label) not in (LABEL_NAMES if label else {0}):
        raise InputError(
            f"{source}: label {label} has no meaning in {dict(label_map)}, expected one of "
            f"{', '.join(map(str, LABEL_NAMES))}. Name every label in --label-map."
        )
    return label_map[label]


def _integers(value: object, name: str, source: Path) -> tuple[int, ...]:
    values = value if isinstance(value, list) else [value]
    if not values or any(isinstance(label, bool) or not isinstance(label, int) for label in values):
        raise InputError(
            f"{source}: the label {name} is {value!r}, expected an integer or a list of integers. Correct the file."
        )
    return tuple(values)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
