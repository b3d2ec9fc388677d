"""Every dialect of the challenge's platforms becomes the same command line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bratseg.entrypoint import BUNDLED_WEIGHTS, Content, content, translate

DEFAULT = ["--weights", BUNDLED_WEIGHTS]


def holding(**places: Content) -> Callable[[str], Content]:
    """A file system in which only these paths exist; `__` stands for `/`."""
    known = {"/" + name.replace("__", "/"): state for name, state in places.items()}
    return lambda path: known.get(path, "absent")


NOTHING = holding()


@pytest.mark.parametrize("argv", [[], ["infer"]])
def test_without_arguments_the_mounts_of_2025_and_2026_are_used(argv: list[str]) -> None:
    assert translate(argv, NOTHING) == ["infer", "--mounted", "-i", "/input", "-o", "/output", *DEFAULT]


def test_flags_alone_go_with_the_mounts() -> None:
    expected = ["infer", "--mounted", "-i", "/input", "-o", "/output", "--device", "cpu", *DEFAULT]
    assert translate(["--device", "cpu"], NOTHING) == expected
    assert translate(["infer", "--device", "cpu"], NOTHING) == expected


@pytest.mark.parametrize(
    "argv",
    [
        ["infer", "--data_path=/mlcube_io0", "--output_path=/mlcube_io2", "--parameters_file=/mlcube_io1/p.yaml"],
        [
            "infer",
            "--data_path",
            "/mlcube_io0",
            "--output_path",
            "/mlcube_io2",
            "--parameters_file",
            "/mlcube_io1/p.yaml",
        ],
        ["--data_path=/mlcube_io0", "--output_path=/mlcube_io2", "--parameters_file=/mlcube_io1/p.yaml"],
    ],
)
def test_mlcube_arguments_are_read_with_equals_signs_and_without(argv: list[str]) -> None:
    expected = ["infer", "--mounted", "-i", "/mlcube_io0", "-o", "/mlcube_io2", "--parameters", "/mlcube_io1/p.yaml"]
    assert translate(argv, holding(mlcube_io1__p=("filled"))) == [*expected, *DEFAULT]


def test_mlcube_arguments_may_come_in_any_order_and_from_any_mount() -> None:
    argv = ["infer", "--output_path=/mlcube_io0", "--weights=/mlcube_io1", "--data_path=/mlcube_io2"]
    look = holding(mlcube_io1="filled")
    expected = ["infer", "-o", "/mlcube_io0", "--mounted", "-i", "/mlcube_io2", "--weights", "/mlcube_io1"]
    assert translate(argv, look) == expected


def test_medperf_volumes_are_used_where_they_are_mounted() -> None:
    look = holding(
        mlcommons__volumes__data="filled",
        mlcommons__volumes__additional_files="filled",
        input="filled",
    )
    data, predictions = "/mlcommons/volumes/data", "/mlcommons/volumes/predictions"
    weights = "/mlcommons/volumes/additional_files"
    assert translate([], look) == ["infer", "--mounted", "-i", data, "-o", predictions, "--weights", weights]


def test_medperf_parameters_are_read_when_there_are_any() -> None:
    parameters = "/mlcommons/volumes/parameters/parameters_file.yaml"
    places: dict[str, Content] = {"/mlcommons/volumes/data": "filled", parameters: "filled"}
    assert parameters in translate([], lambda path: places.get(path, "absent"))
    places[parameters] = "empty"
    assert "--parameters" not in translate([], lambda path: places.get(path, "absent"))


def test_an_empty_medperf_data_volume_is_not_mistaken_for_another_platform() -> None:
    assert "/mlcommons/volumes/data" in translate([], holding(mlcommons__volumes__data="empty"))


def test_an_empty_parameters_file_means_the_submitted_numbers() -> None:
    argv = ["infer", "--data_path=/a", "--output_path=/b", "--parameters_file=/c"]
    assert "--parameters" not in translate(argv, holding(c="empty"))


def test_a_parameters_file_that_is_not_there_is_passed_on_to_be_complained_about() -> None:
    argv = ["infer", "--data_path=/a", "--output_path=/b", "--parameters_file=/c"]
    assert translate(argv, NOTHING)[-4:-2] == ["--parameters", "/c"]


def test_an_empty_weights_folder_means_the_bundled_weights() -> None:
    argv = ["infer", "--data_path=/a", "--output_path=/b", "--weights=/w"]
    assert translate(argv, holding(w="empty"))[-2:] == DEFAULT


def test_weights_may_lie_in_a_folder_of_their_own_inside_the_mount() -> None:
    argv = ["infer", "--data_path=/a", "--output_path=/b", "--weights=/w"]
    assert translate(argv, holding(w="filled", w__weights="filled"))[-1] == "/w/weights"
    places: dict[str, Content] = {"/w": "filled", "/w/manifest.toml": "filled", "/w/weights": "filled"}
    assert translate(argv, lambda path: places.get(path, "absent"))[-1] == "/w"


def test_weights_that_are_not_there_are_never_replaced_by_the_bundled_ones() -> None:
    argv = ["infer", "--data_path=/a", "--output_path=/b", "--weights=/w"]
    assert translate(argv, NOTHING)[-2:] == ["--weights", "/w"]


def test_bratsegs_own_arguments_go_through_with_the_bundled_weights() -> None:
    argv = ["infer", "-i", "/cases", "-o", "/segmentations", "--resume"]
    assert translate(argv, NOTHING) == [*argv, *DEFAULT]
    assert translate(["infer", "--input=/cases", "-o", "/s"], NOTHING) == [
        "infer",
        "--input=/cases",
        "-o",
        "/s",
        *DEFAULT,
    ]


@pytest.mark.parametrize("argv", [["weights", "show"], ["--help"], ["--version"], ["infer", "--help"], ["info"]])
def test_other_commands_and_questions_go_through_unchanged(argv: list[str]) -> None:
    assert translate(argv, NOTHING) == argv


def test_a_flag_without_its_value_is_left_to_the_command_line_to_refuse() -> None:
    assert translate(["infer", "--data_path=/a", "--output_path=/b", "--weights"], NOTHING).count("--weights") == 2


def test_hidden_files_do_not_fill_a_folder(tmp_path: Path) -> None:
    assert content(str(tmp_path / "nothing")) == "absent"
    (tmp_path / ".gitkeep").touch()
    assert content(str(tmp_path)) == "empty"
    (tmp_path / "file").touch()
    assert content(str(tmp_path)) == "filled"
    assert content(str(tmp_path / "file")) == "empty"
    (tmp_path / "file").write_text("x")
    assert content(str(tmp_path / "file")) == "filled"
