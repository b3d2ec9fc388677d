"""Features are pyradiomics' own numbers, and a tumour that can't have any says why."""

import builtins
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bratseg.radiomics.feature_names import FEATURE_NAMES, PRESETS, Preset
from bratseg.radiomics.features import MAX_GREY_LEVELS, MAX_SURFACE_FACES, NoFeatures, extract_features
from bratseg.radiomics.measure import Segmented, measure_cases
from bratseval.challenge import MODALITIES, Modality
from bratseval.files.cases import find_cases

pytest.importorskip("radiomics", reason="pyradiomics is not installed")

PAPER, SANE = PRESETS["paper"], PRESETS["sane"]
CUBE = np.s_[5:12, 6:11, 4:10]  # 7 x 5 x 6 = 210 voxels
Images = Mapping[Modality, np.ndarray]


def made_images(shape: tuple[int, int, int] = (24, 20, 18)) -> Images:
    generator = np.random.default_rng(0)
    return {modality: generator.gamma(2, 100, shape).astype(np.float32) for modality in MODALITIES}


def labelled(*boxes: tuple[slice, ...], shape: tuple[int, int, int] = (24, 20, 18)) -> np.ndarray:
    labels = np.zeros(shape, dtype=np.uint8)
    for number, box in enumerate(boxes):
        labels[box] = 1 + number % 3
    return labels


def by_pyradiomics(
    mask: np.ndarray, images: Images, spacing_mm: tuple[float, float, float], preset: Preset
) -> dict[str, float]:
    """What pyradiomics' own extractor says of each modality's whole volume, named as the winners' tables name it."""
    import SimpleITK
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    def image(voxels: np.ndarray) -> SimpleITK.Image:
        made = SimpleITK.GetImageFromArray(np.ascontiguousarray(voxels.T))
        made.SetSpacing(spacing_mm)
        return made

    settings = {key: value for key, value in preset.settings.items() if key != "geometryTolerance"}  # global in ITK
    extractor = RadiomicsFeatureExtractor(additionalInfo=False, **settings)
    expected = {}
    for modality in MODALITIES:
        for name, value in extractor.execute(image(images[modality]), image(mask.astype(np.uint8))).items():
            own = name.removeprefix("original_")
            expected.setdefault(f"wt_{own}" if own.startswith("shape_") else f"wt_{modality}_{own}", float(value))
    return expected


def test_there_are_14_features_of_shape_and_93_of_each_modality_in_the_winners_order() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES) == 14 + 4 * 93
    assert FEATURE_NAMES[0] == "wt_shape_Elongation"
    assert FEATURE_NAMES[14] == "wt_t1n_firstorder_10Percentile"
    assert [FEATURE_NAMES[14 + 93 * i].split("_")[1] for i in range(4)] == ["t1n", "t1c", "t2w", "t2f"]
    assert FEATURE_NAMES[-1] == "wt_t2f_ngtdm_Strength"


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_features_are_those_of_pyradiomics_extractor(preset: Preset) -> None:
    images, spacing_mm = made_images(), (1.0, 0.8, 2.5)
    # WT is one 26-connected cube of all labels; the second, smaller lesion is not looked at
    labels = labelled(CUBE, np.s_[8:9, 7:9, 5:9], np.s_[6:7, 7:9, 5:9], np.s_[18:21, 14:18, 12:16])
    mask = np.zeros(labels.shape, dtype=bool)
    mask[CUBE] = True
    expected = by_pyradiomics(mask, images, spacing_mm, preset)
    found = extract_features(labels, images, spacing_mm, preset)
    assert list(found) == list(expected) == list(FEATURE_NAMES)
    assert found == expected  # to the last bit
    assert found["wt_shape_VoxelVolume"] == pytest.approx(210 * 2.0)  # 1 * 0.8 * 2.5 mm3


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_features_of_a_real_case_are_those_of_pyradiomics_extractor(shared: Path, preset: Preset) -> None:
    case = "BraTS-GLI-00001-000"
    images = {
        modality: np.asarray(nib.load(shared / "data" / "real" / case / f"{case}-{modality}.nii.gz").dataobj)
        for modality in MODALITIES
    }
    file = nib.load(shared / "data" / "segmentations" / case / "brats23-winner.nii.gz")
    labels = np.asarray(file.dataobj).astype(np.uint8)
    assert np.count_nonzero(labels) == 129234  # one component, so the extractor may be given all of it
    expected = by_pyradiomics(labels > 0, images, (1.0, 1.0, 1.0), preset)
    as_read = {modality: voxels.astype(np.float32) for modality, voxels in images.items()}
    assert extract_features(labels, as_read, (1.0, 1.0, 1.0), preset) == expected


def test_the_presets_are_the_winners_and_ours() -> None:
    # params.yaml of the winners' public repository; method.md 2.3 for the other
    assert PAPER.settings == {"normalize": True, "geometryTolerance": 10}
    assert SANE.settings == {"normalize": True, "normalizeScale": 100, "binCount": 32}


def test_the_same_call_says_the_same_and_leaves_everything_as_it_was() -> None:
    import SimpleITK

    images, labels = made_images(), labelled(CUBE)
    before = {modality: voxels.copy() for modality, voxels in images.items()}
    logger = logging.getLogger("radiomics")
    outside = (logger.level, SimpleITK.ProcessObject.GetGlobalDefaultCoordinateTolerance())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = extract_features(labels, images, (1.0, 1.0, 1.0), PAPER)
        assert extract_features(labels, images, (1.0, 1.0, 1.0), PAPER) == first
    assert (logger.level, SimpleITK.ProcessObject.GetGlobalDefaultCoordinateTolerance()) == outside
    assert all(np.array_equal(images[modality], before[modality]) for modality in MODALITIES)
    assert np.array_equal(labels, labelled(CUBE))


def test_what_pyradiomics_logs_stays_unheard(caplog: pytest.LogCaptureFixture) -> None:
    images, labels = made_images(), labelled(CUBE)
    extract_features(labels, images, (1.0, 1.0, 1.0), SANE)
    assert caplog.records == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a tumour of four voxels has a mean of an empty slice in pyradiomics
        extract_features(labelled(np.s_[3:5, 4:6, 5:6]), images, (1.0, 1.0, 1.0), SANE)
    by_pyradiomics(labels > 0, images, (1.0, 1.0, 1.0), SANE)  # warns of a fixed bin count, among other things
    assert caplog.records != []


def test_voxels_stored_in_any_order_have_the_same_features() -> None:
    images, labels = made_images(), labelled(CUBE)
    turned = {modality: np.asfortranarray(voxels)[::-1][::-1] for modality, voxels in images.items()}
    expected = extract_features(labels, images, (1.0, 1.0, 2.0), SANE)
    assert extract_features(np.asfortranarray(labels), turned, (1.0, 1.0, 2.0), SANE) == expected


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
@pytest.mark.parametrize(
    ("box", "told"),
    [
        (np.s_[0:0, 0:0, 0:0], "there is no tumour"),
        (np.s_[3:4, 4:5, 5:6], "is a single voxel"),
        (np.s_[3:5, 4:5, 5:6], "is a line of 2 voxels"),
        (np.s_[3:4, 4:13, 5:6], "is a line of 9 voxels"),
        (np.s_[3:10, 4:13, 5:6], None),  # a plane
        (np.s_[3:5, 4:6, 5:7], None),
        (np.s_[:, :, :], None),  # a tumour that fills the volume
    ],
)
def test_small_and_flat_tumours_have_features_or_say_why_not(
    preset: Preset, box: tuple[slice, ...], told: str | None
) -> None:
    if told:
        with pytest.raises(NoFeatures, match=told):
            extract_features(labelled(box), made_images(), (1.0, 1.0, 1.0), preset)
    else:
        values = extract_features(labelled(box), made_images(), (1.0, 1.0, 1.0), preset).values()
        assert len(values) == 386
        assert np.isfinite(list(values)).all()


def test_axes_of_equal_length_are_real_numbers() -> None:
    # a cube of 2 ** 3: variance 0.25 along each axis, so all are 4 * sqrt(0.25) = 2 long; pyradiomics' are complex
    found = extract_features(labelled(np.s_[3:5, 4:6, 5:7]), made_images(), (1.0, 1.0, 1.0), SANE)
    for axis in ("MajorAxisLength", "MinorAxisLength", "LeastAxisLength"):
        assert found[f"wt_shape_{axis}"] == pytest.approx(2)


@pytest.mark.parametrize(("value", "finite"), [(3 + 1e-12j, True), (3 + 0.1j, False), (0j, True), (1j * np.inf, False)])
def test_a_feature_that_is_truly_complex_is_none(monkeypatch: pytest.MonkeyPatch, value: complex, finite: bool) -> None:
    from radiomics import ngtdm

    monkeypatch.setattr(ngtdm.RadiomicsNGTDM, "getBusynessFeatureValue", lambda _: value)
    if finite:
        found = extract_features(labelled(CUBE), made_images(), (1.0, 1.0, 1.0), SANE)
        assert found["wt_t1n_ngtdm_Busyness"] == value.real
    else:
        with pytest.raises(NoFeatures, match="4 of 386 features are not finite"):
            extract_features(labelled(CUBE), made_images(), (1.0, 1.0, 1.0), SANE)


def test_a_tumour_as_small_as_can_be_has_features_whatever_its_form_or_says_why_not() -> None:
    # up to 4 voxels within 3 x 3 x 3, drawn: finite features or a reason, nothing else
    generator, images, outcomes = np.random.default_rng(1), made_images((5, 5, 5)), []
    for _ in range(12):
        labels = np.zeros((5, 5, 5), dtype=np.uint8)
        labels[tuple(generator.integers(1, 4, (3, 4)))] = 3
        try:
            outcomes.append(np.isfinite(list(extract_features(labels, images, (1.0, 1.0, 1.0), SANE).values())).all())
        except NoFeatures:
            outcomes.append(None)
    assert False not in outcomes
    assert True in outcomes


def test_an_image_with_the_same_value_everywhere_is_named() -> None:
    images = {**made_images(), "t2w": np.full((24, 20, 18), 7, dtype=np.float32)}
    with pytest.raises(NoFeatures, match="t2w can't be normalised"):
        extract_features(labelled(CUBE), images, (1.0, 1.0, 1.0), SANE)


def test_more_grey_levels_than_can_be_counted_are_refused() -> None:
    # not normalised, bins of 25: 0 to 3175 are levels 1 to 128, 3200 is one more
    raw = Preset("raw", {"normalize": False})
    images = made_images()
    for top, told in ((25.0 * MAX_GREY_LEVELS - 1, False), (25.0 * MAX_GREY_LEVELS, True)):
        spiked = {modality: voxels.clip(0, 25) for modality, voxels in images.items()}
        spiked["t1c"][5, 6, 4], spiked["t1c"][6, 6, 4] = 0, top
        if told:
            with pytest.raises(NoFeatures, match="t1c has 129 grey levels in the tumour, at most 128"):
                extract_features(labelled(CUBE), spiked, (1.0, 1.0, 1.0), raw)
        else:
            assert len(extract_features(labelled(CUBE), spiked, (1.0, 1.0, 1.0), raw)) == 386


def test_a_tumour_of_noise_is_refused_before_its_surface_is_measured() -> None:
    # a checkerboard of 48 ** 3: its voxels meet at edges, so it is one component; 55296 of them, six faces each
    shape = (48, 48, 48)
    labels = (np.indices(shape).sum(axis=0) % 2).astype(np.uint8)
    with pytest.raises(NoFeatures, match=f"a surface of 331776 faces, at most {MAX_SURFACE_FACES}"):
        extract_features(labels, made_images(shape), (1.0, 1.0, 1.0), SANE)


def test_pyradiomics_that_is_not_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "radiomics":
            raise ImportError("No module named 'radiomics'")
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(NoFeatures, match=r"can't be loaded .*Install brats-harness\[radiomics\]"):
        extract_features(labelled(CUBE), made_images(), (1.0, 1.0, 1.0), SANE)


def test_another_pyradiomics_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radiomics.__version__", "v3.1.0")
    with pytest.raises(NoFeatures, match=r"pyradiomics 3\.1\.0 is installed, expected 3\.0\.1 or 3\.1\.4"):
        extract_features(labelled(CUBE), made_images(), (1.0, 1.0, 1.0), SANE)


def test_a_feature_that_is_not_finite_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from radiomics import ngtdm

    monkeypatch.setattr(ngtdm.RadiomicsNGTDM, "getBusynessFeatureValue", lambda _: np.nan)
    with pytest.raises(NoFeatures, match="4 of 386 features are not finite, wt_t1n_ngtdm_Busyness first"):
        extract_features(labelled(CUBE), made_images(), (1.0, 1.0, 1.0), SANE)


def test_what_pyradiomics_raises_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from radiomics import glcm

    def refuse(*_: object) -> None:
        raise ValueError("no such matrix")

    monkeypatch.setattr(glcm.RadiomicsGLCM, "_calculateMatrix", refuse)
    with pytest.raises(NoFeatures, match=r"pyradiomics refuses \(ValueError: no such matrix\)"):
        extract_features(labelled(CUBE), made_images(), (1.0, 1.0, 1.0), SANE)


def test_an_image_of_another_shape_is_a_defect() -> None:
    with pytest.raises(ValueError, match="t1n is"):
        extract_features(labelled(CUBE), made_images((10, 10, 10)), (1.0, 1.0, 1.0), SANE)


@pytest.mark.slow  # its program reads full-size volumes
@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_features_of_a_real_case_are_those_of_pyradiomics_command_line(
    shared: Path, tmp_path: Path, preset: Preset
) -> None:
    # one call a modality with a params.yaml, as the winners made their tables; whole files as it reads them itself
    case = "BraTS-GLI-00001-000"
    reference = shared / "data" / "segmentations" / case / "reference-labels123.nii.gz"
    program = Path(sys.executable).parent / "pyradiomics"
    if not program.exists():
        pytest.skip("the program pyradiomics is not beside the interpreter")
    file = nib.load(reference)
    mask = tmp_path / "mask.nii.gz"
    nib.save(nib.Nifti1Image((np.asarray(file.dataobj) > 0).astype(np.uint8), file.affine), mask)
    parameters = tmp_path / "params.yaml"
    settings = "".join(f"  {key}: {value}\n" for key, value in preset.settings.items())
    parameters.write_text(f"setting:\n{settings}")
    expected: dict[str, float] = {}
    for modality in MODALITIES:
        image = shared / "data" / "real" / case / f"{case}-{modality}.nii.gz"
        line = [program, image, mask, "-f", "json", "--param", parameters]
        (said,) = json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)
        for name, value in said.items():
            if name.startswith("original_"):
                own = name.removeprefix("original_")
                expected.setdefault(f"wt_{own}" if own.startswith("shape_") else f"wt_{modality}_{own}", float(value))
    (found,) = measure_cases([Segmented(find_cases(shared / "data" / "real" / case).cases[0], reference)], preset)
    assert list(found.features) == list(expected)
    assert found.features == pytest.approx(expected, rel=1e-12, abs=0)
