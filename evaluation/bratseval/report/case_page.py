"""The page of one case: scores, lesions, a viewer on them, slices where it cannot draw, and the reader's notes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseval.errors import InputError
from bratseval.files.orientation import to_lps
from bratseval.report.contents import Contents, lesion_rows, metrics_shown, number
from bratseval.report.images import CaseFiles, CaseVolumes, read_volumes
from bratseval.report.mosaics import colour_of, rgb, slices_through, strip
from bratseval.report.payload import (
    AGREES,
    MISSED,
    OTHER_LABEL,
    SPURIOUS,
    box_of,
    difference,
    grey,
    nifti_text,
    values_of,
)
from bratseval.report.template import NIIVUE, asset, render

# Okabe and Ito's; what agrees is quiet.
DIFFERENCES: Final[Mapping[int, tuple[str, str]]] = {
    AGREES: ("the same label", "#999999"),
    OTHER_LABEL: ("another label", "#e69f00"),
    SPURIOUS: ("only predicted", "#cc79a7"),
    MISSED: ("only in the reference", "#0072b2"),
}


@dataclass(frozen=True)
class Place:
    """Where a case's page stands: its file's name, and those of the front page and of its neighbours, if any."""

    name: str
    front: str
    before: str
    after: str


def page_name(index: int) -> str:
    """The file of the page of the case at `index`; never made of a case's id, which may be anything."""
    return f"case-{index:04d}.html"


def case_page(contents: Contents, case: str, place: Place, files: CaseFiles | None) -> str:
    """The HTML of a case's page; without files, or where they can't be read, it has no images and says why."""
    volumes, problem = None, ""
    if files is not None:
        try:
            volumes = read_volumes(files)
        except InputError as error:
            problem = str(error)
    shown = {} if volumes is None else _shown(contents, volumes)
    return render(
        "case.html",
        case={"id": case, **_scores(contents, case), "lesions": lesion_rows(contents, case)},
        edition=contents.edition,
        problems=[problem, *(() if volumes is None else volumes.problems)],
        front=place.front,
        before=place.before,
        after=place.after,
        niivue=NIIVUE,
        viewer=asset("viewer.js"),
        notes=asset("notes.js"),
        **{"images": [], "overlays": [], "labels": [], "differences": [], "data": {}, **shown},
    )


def _scores(contents: Contents, case: str) -> Mapping[str, object]:
    metrics = metrics_shown(contents.edition)
    rows = []
    for submission in contents.submissions:
        scored = contents.case(submission, case)
        reason = "; ".join(filter(None, (scored.reason, *scored.warnings)))
        values = [scored.regions[region][metric.key] for metric in metrics for region in contents.regions]
        rows.append(
            {
                "name": submission.name,
                "state": scored.status,
                "reason": reason,
                "shown": [number(value) for value in values],
            }
        )
    columns = [f"{region} {metric.heading}" for metric in metrics for region in contents.regions]
    return {"columns": columns, "scores": rows}


def _shown(contents: Contents, volumes: CaseVolumes) -> Mapping[str, object]:
    """What the template has of the images; everything is cut to where there is something first."""
    predictions = [
        (submission.name, prediction)
        for submission, prediction in zip(contents.submissions, volumes.predictions, strict=True)
        if prediction is not None
    ]
    box = box_of([*volumes.images.values(), volumes.reference, *(labels for _, labels in predictions)])
    images = {modality: grey(image[box]) for modality, image in volumes.images.items()}
    reference = volumes.reference[box]
    overlays = [("reference", reference), *((name, labels[box]) for name, labels in predictions)]
    apart = [None, *(difference(labels, reference) for _, labels in overlays[1:])]
    values = sorted({value for _, labels in overlays for value in values_of(labels)})
    names = {value: contents.edition.labels.get(value, f"label {value}") for value in values}
    strips = _strips(next(iter(images.values())), [labels for _, labels in overlays], volumes.affine, values)

    def text(voxels: NDArray[np.uint8]) -> str:
        return nifti_text(voxels, volumes.affine, box)

    return {
        "images": list(images),
        "strip_of": next(iter(images)),
        "overlays": [{"name": name, "strip": png} for (name, _), png in zip(overlays, strips, strict=True)],
        "labels": [{"value": value, "name": names[value], "colour": _css(colour_of(value))} for value in values],
        "differences": [{"name": name, "colour": colour} for name, colour in DIFFERENCES.values()],
        "data": {
            "images": {modality: text(image) for modality, image in images.items()},
            "overlays": [
                {"labels": text(labels), "difference": None if differs is None else text(differs)}
                for (_, labels), differs in zip(overlays, apart, strict=True)
            ],
            "labels": [{"value": value, "name": names[value], "rgb": colour_of(value)} for value in values],
            "differences": [
                {"value": value, "name": name, "rgb": rgb(colour)} for value, (name, colour) in DIFFERENCES.items()
            ],
        },
    }


def _strips(
    image: NDArray[np.uint8], overlays: Sequence[NDArray[np.uint8]], affine: NDArray[np.float64], values: Sequence[int]
) -> list[str]:
    turned = [to_lps(labels, affine) for labels in overlays]  # as radiologists look at slices
    slices = slices_through(turned)
    colours = {value: colour_of(value) for value in values}
    return [strip(to_lps(image, affine), labels, slices, colours) for labels in turned]


def _css(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
