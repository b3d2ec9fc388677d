"""Radiomic features of one case: CPU time and peak memory beside pyradiomics' own command line, one call a modality.

    python benchmarks/bench_radiomics.py --case FOLDER --labels FILE [--preset sane paper] [--repeats 3]

Each measurement is a process of its own, imports and reading included, by turns; the fastest of each counts.
pyradiomics is given the largest component as a file, which is not counted. Values must agree within 1e-12 of each.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from bratseg.radiomics.feature_names import FEATURE_NAMES, PRESETS, Preset
from bratseval.challenge import MODALITIES
from bratseval.files.cases import Case, find_cases
from bratseval.files.nifti import read_labels, write_labels
from bratseval.metrics.components import connected_components

OURS = """
import json, sys, time
from pathlib import Path
from bratseg.radiomics.feature_names import PRESETS
from bratseg.radiomics.measure import Segmented, measure_cases
from bratseval.files.cases import find_cases
case = find_cases(Path(sys.argv[1])).cases[0]
start = time.process_time()
(found,) = measure_cases([Segmented(case, Path(sys.argv[2]))], PRESETS[sys.argv[3]])
print(json.dumps([time.process_time() - start, dict(found.features)]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", type=Path, help="a case folder; default: a phantom is made")
    parser.add_argument("--labels", type=Path, help="its segmentation; default: the case's reference")
    parser.add_argument("--preset", nargs="+", choices=tuple(PRESETS), default=list(PRESETS))
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.case or make_case(Path(name))
        case = find_cases(folder).cases[0]
        labels = arguments.labels or case.reference
        mask = binary(labels, Path(name) / "mask.nii.gz")
        for preset in arguments.preset:
            compare(case, labels, mask, PRESETS[preset], Path(name), arguments.repeats)


def compare(case: Case, labels: Path, mask: Path, preset: Preset, folder: Path, repeats: int) -> None:
    ours, theirs, alone, first, second = [], [], [], {}, {}
    for _ in range(repeats):
        cpu, peak, text = run([sys.executable, "-c", OURS, str(case.images["t1n"].parent), str(labels), preset.name])
        ours.append((cpu, peak))
        seconds, first = json.loads(text)
        alone.append(seconds)
        cpu, peak, second = by_pyradiomics(case, mask, preset, folder)
        theirs.append((cpu, peak))
    assert list(first) == list(FEATURE_NAMES) == list(second)
    differ = [name for name in first if first[name] != second[name]]
    worst = max(abs(first[name] - second[name]) / max(abs(second[name]), 1e-300) for name in first)
    agree = all(math.isclose(first[name], second[name], rel_tol=1e-12) for name in first)
    ratio = min(theirs)[0] / min(ours)[0]
    print(
        f"{preset.name}: ours {_told(ours)}, without starting {min(alone):.2f} s; pyradiomics {_told(theirs)}; "
        f"ratio {ratio:.1f}; {len(first) - len(differ)} of {len(first)} values bit-equal, "
        f"the largest relative difference {worst:.1g}",
        flush=True,
    )
    if not agree:
        sys.exit(f"{preset.name}: values differ by more than 1e-12")


def _told(runs: list[tuple[float, int]]) -> str:
    return f"{min(runs)[0]:.2f} s CPU, peak {max(peak for _, peak in runs) / 1e6:.0f} MB"


def by_pyradiomics(case: Case, mask: Path, preset: Preset, folder: Path) -> tuple[float, int, dict[str, float]]:
    """CPU seconds and peak bytes of four calls of its command line, and their features by our names."""
    parameters = folder / "params.yaml"
    parameters.write_text(yaml.safe_dump({"setting": dict(preset.settings)}))
    seconds, most, found = 0.0, 0, {}
    for modality in MODALITIES:
        # the program that belongs to this interpreter
        line = [str(Path(sys.executable).parent / "pyradiomics"), str(case.images[modality]), str(mask)]
        cpu, peak, text = run([*line, "-f", "json", "--param", str(parameters)])
        seconds, most = seconds + cpu, max(most, peak)
        for name, value in json.loads(text)[0].items():
            if name.startswith("original_shape_"):
                found.setdefault(f"wt_{name.removeprefix('original_')}", float(value))
            elif name.startswith("original_"):
                found[f"wt_{modality}_{name.removeprefix('original_')}"] = float(value)
    return seconds, most, found


def run(line: list[str]) -> tuple[float, int, str]:
    """CPU seconds and peak resident bytes of a process, and what it prints.

    Raises:
        CalledProcessError: it failed.
    """
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(line, stdout=output, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), line)
        output.seek(0)
        return usage.ru_utime + usage.ru_stime, bytes_of(usage), output.read()


def bytes_of(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def binary(labels: Path, path: Path) -> Path:
    """A mask file for pyradiomics: label 1 in the largest component."""
    image = read_labels(labels)
    components = connected_components(image.voxels > 0)
    write_labels(path, (components.labels == 1 + components.voxels.argmax()).astype(image.voxels.dtype), image.grid, "")
    return path


def make_case(folder: Path) -> Path:
    from bratseg.phantoms import make_phantom, write_phantom

    return write_phantom(folder / "cases", "phantom", make_phantom(800_000))


if __name__ == "__main__":
    main()
