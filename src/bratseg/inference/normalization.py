"""The scaling of one channel's intensities, numerically as nnU-Net v2 does it; axes are (z, y, x).

Source: nnunetv2 2.8.1, default_normalization_schemes.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bratseg.models.member import Intensities, Normalization
from bratseval.errors import InputError
from bratseval.metrics.components import Mask

Floats = NDArray[np.float32]
_SMALLEST_STD: Final = 1e-8  # a constant image is not divided by 0; ZScoreNormalization in float32


def normalize(image: Floats, inside: Mask, how: Normalization) -> Floats:
    """One channel with its intensities scaled; `image` is overwritten.

    Args:
        image: (z, y, x).
        inside: the non-zero region; masked z-scores are taken and applied in it alone.
        how: the scheme.

    Raises:
        InputError: an intensity outside 0 to 255 under the scheme for photographs.
    """
    if how.scheme == "ZScoreNormalization":
        _z_score(image, inside if how.use_mask else None)
    elif how.scheme == "CTNormalization" and how.intensities is not None:
        _ct(image, how.intensities)
    elif how.scheme == "RescaleTo01Normalization":
        image -= image.min()
        image /= max(image.max(), _SMALLEST_STD)
    elif how.scheme == "RGBTo01Normalization":
        if image.min() < 0 or image.max() > 255:
            raise InputError(
                f"image: has intensities from {image.min():g} to {image.max():g}, expected 0 to 255. "
                "These weights are for photographs."
            )
        image /= 255
    return image


def _z_score(image: Floats, inside: Mask | None) -> None:
    if inside is None:
        mean, std = image.mean(), image.std()
        image -= mean
        image /= max(std, _SMALLEST_STD)
    elif inside.any():
        values = image[inside]
        image[inside] = (values - values.mean()) / max(values.std(), _SMALLEST_STD)


def _ct(image: Floats, seen: Intensities) -> None:
    np.clip(image, seen.percentile_00_5, seen.percentile_99_5, out=image)
    image -= np.float32(seen.mean)
    image /= np.float32(max(seen.std, _SMALLEST_STD))
