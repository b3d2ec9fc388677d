#!/usr/bin/env python3
"""Build the volumes of official_2023.json and official_2025_lesionwise.json as NIfTI pairs.

    build.py official_2023.json FOLDER     writes FOLDER/<case name>-pred.nii.gz and -gt.nii.gz

A case lists boxes [x0, x1, y0, y1, z0, z1, label], half open, painted in order into zeros. Keys that override the
defaults (uint8, 1 mm, no scaling): pred_shape, gt_shape, pred_dtype, gt_dtype, spacing_pred, spacing_gt, pred_slope,
flip_pred_affine. Needs nibabel and numpy.
"""

import gzip
import json
import sys
from pathlib import Path

import nibabel as nib
import numpy as np


def paint(shape, boxes, dtype):
    volume = np.zeros(shape, dtype)
    for x0, x1, y0, y1, z0, z1, label in boxes:
        volume[x0:x1, y0:y1, z0:z1] = label
    return volume


def write_side(case, side, path):
    shape = case.get(f"{side}_shape", case["shape"])
    dtype = np.dtype(case.get(f"{side}_dtype", "uint8"))
    spacing = case.get(f"spacing_{side}", [1, 1, 1])
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    if side == "pred" and case.get("flip_pred_affine"):
        affine[0, 0] *= -1
    header = nib.Nifti1Header(endianness=">" if dtype.byteorder == ">" else "<")
    header.set_data_dtype(dtype)
    image = nib.Nifti1Image(paint(shape, case[side], dtype), affine, header)
    if dtype.byteorder != ">":
        image.header.set_zooms(list(np.array(spacing, np.float32)) + [1.0] * (len(shape) - 3))
    if side == "pred" and "pred_slope" in case:
        image.header.set_slope_inter(1, 0)
        raw = bytearray(image.to_bytes())
        raw[112:116] = np.float32(case["pred_slope"]).tobytes()
        raw[116:120] = np.float32(0).tobytes()
        path.write_bytes(gzip.compress(bytes(raw)))
    else:
        nib.save(image, path)


if __name__ == "__main__":
    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for case in json.loads(source.read_text())["cases"]:
        for side in ("pred", "gt"):
            write_side(case, side, folder / f"{case['name']}-{side}.nii.gz")
