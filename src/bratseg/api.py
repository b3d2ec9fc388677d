"""The functions that `bratseg` offers to programs: an ensemble, and the segmentation of a case with it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bratseg.inference.config import read_config
from bratseg.inference.load import load_ensemble as load_members
from bratseg.inference.pipeline import Ensemble
from bratseg.inference.pipeline import segment as segment_volume
from bratseval.challenge import Modality
from bratseval.errors import InputError
from bratseval.extras import INFER, require
from bratseval.files.case_images import read_case
from bratseval.files.cases import Case, case_of_files, find_cases
from bratseval.files.nifti import VoxelGrid, write_labels

Images = str | Path | Sequence[str | Path] | Mapping[Modality, str | Path]


@dataclass(frozen=True)
class SegmentedCase:
    """A segmented case.

    Attributes:
        id: the folder's name, or what the files' names share.
        labels: (x, y, z) on the case's own grid: 0 background, 1 NCR, 2 ED, 3 ET.
        grid: of the case: shape, affine, header.
        postprocess: by which thresholds components were removed, and why these.
        removed_voxels: how many voxels post-processing changed.
        warnings: what is unusual about the images, and where a full device made the run use less memory.
    """

    id: str
    labels: NDArray[np.uint8]
    grid: VoxelGrid
    postprocess: str
    removed_voxels: int
    warnings: tuple[str, ...] = ()

    def save(self, path: str | Path) -> None:
        """Write the labels as .nii.gz with the case's own header; the file appears complete or not at all.

        Raises:
            OSError: the disk refuses.
        """
        write_labels(Path(path), self.labels, self.grid)


@contextmanager
def load_ensemble(
    weights: str | Path | None = None, *, device: str = "auto", mirroring: bool = False, postprocess: bool = True
) -> Iterator[Ensemble]:
    """The members of a weights folder, verified and ready on a device; they are released at the end of the `with`.

    Args:
        weights: a weights folder; None for the bundled one.
        device: auto, cpu, cuda or cuda:N.
        mirroring: average over mirrored images too, which takes eight times as long.
        postprocess: remove small components by the thresholds that the weights carry.

    Raises:
        InputError: the folder does not verify, or the device is not there.
        MissingExtraError: torch is not installed.
    """
    require(INFER)
    config = replace(read_config(), mirroring=mirroring, postprocess=postprocess)
    with load_members(None if weights is None else Path(weights), config, device) as (ensemble, _):
        yield ensemble


def segment(case: Images, ensemble: Ensemble | None = None) -> SegmentedCase:
    """Segment one case.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from bratseg import load_ensemble, segment
    >>> from bratseg.phantoms import make_phantom, write_phantom
    >>> phantom = make_phantom(7, shape=(96, 112, 80), spacing_mm=(2.0, 2.0, 2.0))
    >>> folder = write_phantom(Path(tempfile.mkdtemp()), "BraTS-SSA-00001-000", phantom)
    >>> with load_ensemble(device="cpu") as ensemble:
    ...     segmented = segment(folder, ensemble)
    >>> segmented.labels.shape
    (96, 112, 80)

    Args:
        case: a case folder; four files; or a file for each modality.
        ensemble: of `load_ensemble`, to load it once for many cases; None loads the bundled weights.

    Raises:
        InputError: with all that is wrong with the case: a file that is missing, unsound or on another grid.
        OutOfDeviceMemory: a member found no room, even after every step down.
    """
    found = _case_of(case)
    with nullcontext(ensemble) if ensemble is not None else load_ensemble() as ready:
        volume = read_case(found)
        result = segment_volume(volume, ready)
    return SegmentedCase(
        found.id,
        result.labels,
        volume.grid,
        result.postprocess,
        result.removed_voxels,
        (*volume.warnings, *result.steps_down),
    )


def _case_of(images: Images) -> Case:
    if isinstance(images, Mapping):
        missing = [modality for modality in ("t1n", "t1c", "t2w", "t2f") if modality not in images]
        if missing:
            raise InputError(f"case: has no {' and no '.join(missing)}, expected t1n, t1c, t2w and t2f. Add the files.")
        paths: dict[Modality, Path] = {modality: Path(path) for modality, path in images.items()}
        return Case(next(iter(paths.values())).name.removesuffix(".nii.gz"), paths)
    if not isinstance(images, str | Path):
        return case_of_files([Path(path) for path in images])
    found = find_cases(Path(images))
    if found.problems:
        raise InputError("\n".join(found.problems.values()))
    if len(found.cases) != 1:
        raise InputError(f"{images}: holds {len(found.cases)} cases, expected one. Name a case folder.")
    return found.cases[0]
