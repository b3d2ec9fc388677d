"""BraTS case folders as nnU-Net's raw dataset: symbolic links, nothing is copied or relabelled."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bratseg.training.campaign import Domain
from bratseg.training.layout import Layout
from bratseg.training.records import write_json
from bratseval.challenge import LABEL_NAMES, MODALITIES
from bratseval.errors import InputError
from bratseval.files.case_images import MAX_AFFINE_DIFFERENCE_MM
from bratseval.files.cases import Case, find_cases
from bratseval.files.nifti import VoxelGrid, read_grid, read_labels
from bratseval.files.sha256 import sha256_of_file

# WT, TC, ET of BraTS's own labels; a region's order is the label painted for it: ED, NCR, ET.
REGIONS: Final[Mapping[str, object]] = {"background": 0, "WT": [1, 2, 3], "TC": [1, 3], "ET": [3]}
PAINTED: Final = (2, 1, 3)


def link_dataset(source: Path, layout: Layout, domain: Domain) -> None:
    """Make a domain's raw dataset; one that an interrupted start left is replaced.

    Every reference is read, because labels other than 0 to 3, or a grid that differs from
    the images', would only show later as a bad model.

    Args:
        source: folder of case folders, each with its reference.

    Raises:
        InputError: with every case that cannot be trained on.
    """
    found = find_cases(source)
    problems = [f"{source / name}: {reason}" for name, reason in found.problems.items()]
    for case in found.cases:
        problems += _problems(case)
    endings = {_ending(path) for case in found.cases for path in _files(case)}
    if len(endings) > 1:
        problems.append(f"{source}: mixes {' and '.join(sorted(endings))}, expected one. Compress the plain ones.")
    if problems:
        raise InputError("\n".join(problems))
    raw = layout.raw(domain)
    shutil.rmtree(raw, ignore_errors=True)
    (ending,) = endings
    for case in found.cases:
        _link(case, raw, ending)
    write_json(raw / "dataset.json", _description(len(found.cases), ending))
    write_json(
        layout.cases(domain), {case.id: {p.name: sha256_of_file(p) for p in _files(case)} for case in found.cases}
    )


def _files(case: Case) -> tuple[Path, ...]:
    """Channels in order, then the reference."""
    images = tuple(case.images[modality] for modality in MODALITIES)
    return images if case.reference is None else (*images, case.reference)


def _problems(case: Case) -> list[str]:
    if case.reference is None:
        return [f"{case.id}: has no reference, expected {case.id}-seg.nii.gz beside its images. Add it."]
    try:
        labels = read_labels(case.reference)
        unknown = sorted(set(labels.voxels.ravel().tolist()) - {0, *LABEL_NAMES})
        if unknown:
            return [
                f"{case.reference}: has the labels {unknown}, expected 0 to 3. In editions before 2023, 4 becomes 3."
            ]
        grids = {path: read_grid(path) for path in case.images.values()}
    except InputError as error:
        return [str(error)]
    return [problem for path, grid in grids.items() if (problem := _grid_problem(path, grid, labels.grid))]


def _grid_problem(path: Path, grid: VoxelGrid, reference: VoxelGrid) -> str:
    if grid.shape != reference.shape:
        return f"{path}: has {grid.shape} voxels, expected {reference.shape} as its reference. Co-register them."
    off = grid.difference(reference)
    if off > MAX_AFFINE_DIFFERENCE_MM:
        return f"{path}: its affine differs from its reference's by up to {off:.3g} mm. Co-register them."
    return ""


def _link(case: Case, raw: Path, ending: str) -> None:
    *images, reference = _files(case)
    for channel, path in enumerate(images):
        _point(raw / "imagesTr" / f"{case.id}_{channel:04d}{ending}", path)
    _point(raw / "labelsTr" / f"{case.id}{ending}", reference)


def _point(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target.resolve())


def _description(count: int, ending: str) -> dict[str, object]:
    return {
        "channel_names": {str(channel): modality for channel, modality in enumerate(MODALITIES)},
        "labels": dict(REGIONS),
        "regions_class_order": list(PAINTED),
        "numTraining": count,
        "file_ending": ending,
        "overwrite_image_reader_writer": "SimpleITKIO",
    }


def _ending(path: Path) -> str:
    return ".nii.gz" if path.name.endswith(".gz") else ".nii"
