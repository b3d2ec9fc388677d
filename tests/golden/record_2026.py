#!/usr/bin/env python3
"""Record what BraTS_evaluation says about small made volumes, as brats_evaluation_2026.json beside this file.

    python -m venv official
    official/bin/pip install BraTS_evaluation==0.0.8
    official/bin/python tests/golden/record_2026.py official/bin [FOLDER]

FOLDER (a temporary one by default) gets the NIfTI files and what the official commands
write. Nothing of the harness is used here.
"""

import csv
import json
import random
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

SHAPE = [14, 12, 10]
NAME = "subject_name"
Case = dict[str, Any]


def case(name: str, config: str, prediction: list[list[Any]], reference: list[list[float]], **rest: Any) -> Case:
    """Boxes [x0, x1, y0, y1, z0, z1, label], half open, painted in order into zeros."""
    return {
        "name": name,
        "config": config,
        "shape": SHAPE,
        "spacing_mm": [1, 1, 1],
        "prediction": prediction,
        "reference": reference,
    } | rest


CUBE = [2, 6, 2, 6, 2, 6, 3]
BESIDE = [3, 7, 2, 6, 2, 6, 3]


def by_hand() -> list[Case]:
    bar = [1, 13, 4, 6, 4, 6, 3]
    two = [[1, 4, 4, 6, 4, 6, 3], [8, 13, 4, 6, 4, 6, 3]]
    cubes = [[x, x + 1 + x % 3, y, y + 2, z, z + 2, 3] for x in (0, 5, 10) for y in (0, 5) for z in (0, 4)]
    moved = [[a + 1, b + 1, c, d, e + i % 2, f + i % 2, v] for i, (a, b, c, d, e, f, v) in enumerate(cubes)]
    mets = [
        case("equal", "mets", [CUBE], [CUBE]),
        case("shifted", "mets", [BESIDE], [CUBE]),
        case("both_empty", "mets", [], []),
        case("prediction_empty", "mets", [], [CUBE]),
        case("reference_empty", "mets", [CUBE], []),
        case("nothing_in_common", "mets", [[8, 12, 6, 10, 4, 8, 3]], [CUBE]),
        case("split", "mets", two, [bar]),
        case("merged", "mets", [bar], two),
        case("two_equal_halves", "mets", [[1, 6, 4, 6, 4, 6, 3], [8, 13, 4, 6, 4, 6, 3]], [bar]),
        case(
            "four_equal_overlaps",
            "mets",
            [[2, 4, 0, 12, 4, 6, 3], [8, 10, 0, 12, 4, 6, 3]],
            [[0, 14, 2, 4, 4, 6, 3], [0, 14, 8, 10, 4, 6, 3]],
        ),
        case("volume_27", "mets", [[2, 5, 2, 5, 2, 4, 3]], [[2, 5, 2, 5, 2, 5, 3]]),
        case("volume_26", "mets", [[2, 5, 2, 5, 2, 4, 3]], [[2, 5, 2, 5, 2, 5, 3], [2, 3, 2, 3, 2, 3, 0]]),
        case("small_dice_02", "mets", [[3, 5, 3, 4, 3, 4, 3]], [[2, 4, 2, 4, 2, 4, 3]]),
        case("small_dice_below_02", "mets", [[3, 6, 3, 4, 3, 4, 3]], [[2, 4, 2, 4, 2, 4, 3]]),
        case("large_dice_below_02", "mets", [[3, 4, 3, 4, 3, 4, 3]], [CUBE]),
        case("spurious_voxels", "mets", [CUBE, [9, 10, 9, 10, 8, 9, 3], [12, 13, 1, 2, 1, 2, 3]], [CUBE]),
        case("many_lesions", "mets", moved, cubes),
        case("many_lesions_half_mm", "mets", moved, cubes, spacing_mm=[0.5, 0.5, 0.5]),
        case("many_lesions_anisotropic", "mets", moved, cubes, spacing_mm=[2.1, 0.7, 3.3]),
        case("touch_at_a_corner", "mets", [CUBE], [CUBE, [6, 9, 6, 9, 6, 9, 3]]),
        case("at_the_border", "mets", [[0, 3, 0, 3, 0, 4, 3], [11, 14, 9, 12, 7, 10, 3]], [[0, 4, 0, 3, 0, 3, 3]]),
        case("nested_labels", "mets", [[1, 9, 1, 9, 1, 9, 2], [2, 8, 2, 7, 2, 8, 1], [4, 6, 3, 6, 3, 6, 3]],
             [[1, 9, 1, 9, 1, 8, 2], [2, 8, 2, 8, 2, 7, 1], [3, 6, 3, 6, 3, 6, 3], [10, 13, 3, 8, 3, 8, 4]]),
        case("along_x", "mets", [[5, 9, 2, 6, 2, 6, 3]], [CUBE], spacing_mm=[0.9, 1.3, 0.45]),
        case("along_z", "mets", [[2, 6, 2, 6, 4, 8, 3]], [CUBE], spacing_mm=[0.9, 1.3, 0.45]),
        case("shell_and_core", "mets", [[4, 6, 4, 6, 4, 6, 3]], [[2, 8, 2, 8, 2, 8, 3], [4, 6, 4, 6, 4, 6, 2]]),
        case("full_volume", "mets", [[0, 14, 0, 12, 0, 10, 3]], [CUBE]),
        case("far_component", "mets", [CUBE, [11, 14, 9, 12, 7, 10, 3]], [CUBE]),
        case("fractions_are_cut_off", "mets", [[2, 6, 2, 6, 2, 6, 3.9999]], [CUBE], prediction_dtype="float32"),
        case("no_prediction", "mets", [], [CUBE], missing=True),
        case("refused", "mets", [[2, 6, 2, 6, 2, 6, 5]], [CUBE]),
    ]  # fmt: skip
    others = [
        case("nested_labels", "GoAT", mets[21]["prediction"], mets[21]["reference"][:3]),
        case("nothing_in_common", "GoAT", mets[5]["prediction"], [CUBE]),
        case("anisotropic", "GoAT", [BESIDE], [CUBE], spacing_mm=[0.9, 1.3, 0.45]),
        case("no_prediction", "GoAT", [], [CUBE], missing=True),
        case("nested_labels", "ped", mets[21]["prediction"], mets[21]["reference"]),
        case("nested_labels", "gli", mets[21]["prediction"], mets[21]["reference"]),
        case("nested_labels", "MenPre", mets[21]["prediction"], mets[21]["reference"][:3]),
        case("shifted", "MenRT", [[*BESIDE[:6], 1]], [[*CUBE[:6], 1]], spacing_mm=[0.5, 0.5, 2]),
    ]
    return mets + others + refusals()


def refusals() -> list[Case]:
    """Pairs that an official run skips, or strangely does not."""

    def odd(name: str, **rest: Any) -> Case:
        return case(name, "GoAT", [BESIDE], [CUBE]) | rest

    return [
        odd("label_4", prediction=[[2, 6, 2, 6, 2, 6, 4]]),
        odd("label_4_in_reference", reference=[[2, 6, 2, 6, 2, 6, 4]]),
        odd("label_3_and_a_half", prediction=[[2, 6, 2, 6, 2, 6, 3.5]], prediction_dtype="float32"),
        odd("label_259", prediction=[[2, 6, 2, 6, 2, 6, 259]], prediction_dtype="int16"),
        odd("label_minus_1", prediction=[CUBE, [8, 9, 8, 9, 8, 9, -1]], prediction_dtype="int16"),
        odd("nan", prediction=[CUBE, [8, 9, 8, 9, 8, 9, "nan"]], prediction_dtype="float32"),
        odd("infinity", prediction=[CUBE, [8, 9, 8, 9, 8, 9, "inf"]], prediction_dtype="float32"),
        odd("shape", prediction_shape=[14, 12, 9]),
        odd("smaller_voxels", prediction_spacing_mm=[1, 1, 0.999999]),
        odd("larger_voxels", prediction_spacing_mm=[1, 1, 1.000001]),
        odd("origin_plus_50", prediction_origin_ras_mm=[0, 0, 50]),
        odd("origin_minus_50", prediction_origin_ras_mm=[0, 0, -50]),
        odd("origin_plus_50_to_the_right", prediction_origin_ras_mm=[50, 0, 0]),
        odd("origins_that_cancel", prediction_origin_ras_mm=[7, 0, 7]),
        odd("prediction_flipped", prediction_flip=True),
        odd("reference_flipped", reference_flip=True),
    ]


def at_random(config: str, labels: list[int], seed: int) -> list[Case]:
    """Boxes on both sides, half of them shared."""
    choose = random.Random(seed)

    def box() -> list[int]:
        low = [choose.randrange(n - 1) for n in SHAPE]
        return [n for a, side in zip(low, SHAPE, strict=True) for n in (a, min(side, a + choose.randint(1, 5)))] + [
            choose.choice(labels)
        ]

    cases = []
    for i, spacing in enumerate(([1, 1, 1], [0.5, 0.5, 0.5], [0.8594, 0.8594, 1.5], [1.2, 0.7, 3.1])):
        shared = [box() for _ in range(choose.randint(2, 7))]
        sides = [
            [b for b in shared if choose.random() < 0.8] + [box() for _ in range(choose.randint(0, 3))] for _ in "pr"
        ]
        cases.append(case(f"random_{i}", config, sides[0], sides[1], spacing_mm=spacing))
    return cases


def paint(shape: list[int], boxes: list[list[Any]], dtype: str) -> np.ndarray:
    volume = np.zeros(shape, dtype)
    for x0, x1, y0, y1, z0, z1, label in boxes:
        volume[int(x0) : int(x1), int(y0) : int(y1), int(z0) : int(z1)] = float(label)
    return volume


def write(made: Case, side: str, path: Path) -> None:
    spacing = np.float32(made.get(f"{side}_spacing_mm", made["spacing_mm"]))
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0]).astype(np.float64)
    affine[:3, 3] = made.get(f"{side}_origin_ras_mm", [0, 0, 0])
    if made.get(f"{side}_flip"):
        affine[0, 0] *= -1
    voxels = paint(made.get(f"{side}_shape", made["shape"]), made[side], made.get(f"{side}_dtype", "uint8"))
    image = nib.Nifti1Image(voxels, affine)
    image.set_qform(affine, 1)
    image.set_sform(affine, 1)
    image.header["pixdim"][1:4] = spacing
    nib.save(image, path)


def run_official(tools: Path, folder: Path, config: str) -> None:
    evaluate = [tools / "brats-evaluate", "--config", config, "--ref_path", folder / "reference"]
    evaluate += ["--pred_path", folder / "prediction", "--summary_json", folder / "metrics.json"]
    subprocess.run(evaluate, check=True, stdout=subprocess.DEVNULL)
    thresholds = ["--vol_threshold", "27", "--overlap_threshold", "0.2"]
    for command, options in (("seg", []), ("mets", thresholds)):
        parse = [tools / "brats-parse-metrics", command, "--json_path", folder / "metrics.json", *options]
        parse += ["--output_csv_path", folder / f"{command}.csv"]
        subprocess.run(parse, check=True, stdout=subprocess.DEVNULL)


def table(path: Path) -> dict[str, dict[str, float | None]]:
    with path.open() as file:
        rows = {row.pop("subject_id"): row for row in csv.DictReader(file)}
    return {name: {key: float(value) if value else None for key, value in row.items()} for name, row in rows.items()}


def numbers(values: dict[str, Any]) -> dict[str, str]:
    """The evaluator's numbers of a region, as text because JSON has neither NaN nor infinity."""
    return {key: repr(float(value)) for key, value in values.items() if key != "reference_instances"}


def record(tools: Path, folder: Path) -> dict[str, Any]:
    cases = by_hand()
    sets = {"mets": [1, 2, 3, 4], "GoAT": [1, 2, 3], "ped": [1, 2, 3, 4], "gli": [1, 2, 3, 4], "MenPre": [1, 2, 3]}
    for seed, (config, labels) in enumerate((sets | {"MenRT": [1]}).items()):
        cases += at_random(config, labels, seed)
    summaries: dict[str, Any] = {}
    for config in dict.fromkeys(made["config"] for made in cases):
        own = [made for made in cases if made["config"] == config]
        for side in ("prediction", "reference"):
            (folder / config / side).mkdir(parents=True)
        for number, made in enumerate(own):
            name = f"BraTS-{number:05d}-000"
            write(made, "reference", folder / config / "reference" / f"{name}-seg.nii.gz")
            if not made.get("missing"):
                write(made, "prediction", folder / config / "prediction" / f"{name}.nii.gz")
        run_official(tools, folder / config, config)
        tables = {command: table(folder / config / f"{command}.csv") for command in ("seg", "mets")}
        said = {row[NAME]: row for row in json.loads((folder / config / "metrics.json").read_text())["metrics"]}
        for number, made in enumerate(own):
            rows = {command: rows.get(f"BraTS-{number:05d}-000-seg.nii.gz") for command, rows in tables.items()}
            made.update(rows if rows["seg"] and not made.get("missing") else {})
            if "seg" in made:
                regions = said[f"BraTS-{number:05d}-000-seg.nii.gz"]
                made["evaluator"] = {region: numbers(values) for region, values in regions.items() if region != NAME}
            made["refused"] = rows["seg"] is None and not made.get("missing", False)
        summaries[config] = {
            command: {row: rows[row] for row in ("mean", "std", "median")} for command, rows in tables.items()
        }
    return {"origin": origin(), "cases": cases, "summaries": summaries}


def origin() -> dict[str, Any]:
    packages = ("BraTS_evaluation", "panoptica", "SimpleITK", "connected-components-3d", "numpy", "scipy", "pandas")
    return {
        "commands": [
            "brats-evaluate --config CONFIG --ref_path reference --pred_path prediction --summary_json metrics.json",
            "brats-parse-metrics seg --json_path metrics.json --output_csv_path seg.csv",
            "brats-parse-metrics mets --json_path metrics.json --vol_threshold 27 --overlap_threshold 0.2 "
            "--output_csv_path mets.csv",
        ],
        "versions": {name: version(name) for name in packages} | {"python": sys.version.split()[0]},
        "recorded_by": "tests/golden/record_2026.py",
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        recorded = record(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else Path(scratch))
    target = Path(__file__).with_name("brats_evaluation_2026.json")
    target.write_text(json.dumps(recorded, indent=None, separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n")
