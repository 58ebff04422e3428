"""Names of files that come out of files."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding.common.errors import CorruptFileError
from graph_encoding.common.listed_files import listed_file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outer = tmp_path_factory.mktemp("outer")
    (outer / "secret").write_text("s")
    inner = outer / "inner"
    (inner / "deep").mkdir(parents=True)
    (inner / "file").write_text("a")
    (inner / "deep" / "file").write_text("b")
    return inner


def test_files_of_the_folder_are_found(folder: Path) -> None:
    assert listed_file(folder, "file", "copy it").read_text() == "a"
    assert listed_file(folder, "deep/file", "copy it").read_text() == "b"


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "deep/../../secret",
        "/dev/zero",
        "",
        ".",
        "deep",
        "gone",
        "a\\b",
        "a\0b",
        3,
        None,
    ],
)
def test_all_else_is_refused(folder: Path, name: object) -> None:
    with pytest.raises(
        CorruptFileError, match=r"must (list files of its own|hold the file).*; copy it"
    ):
        listed_file(folder, name, "copy it")


@given(st.lists(st.sampled_from(["..", ".", "deep", "file", "", "secret"]), max_size=6))
def test_names_cannot_lead_out_of_the_folder(folder: Path, parts: list[str]) -> None:
    try:
        found = listed_file(folder, "/".join(parts), "copy it")
    except CorruptFileError:
        return
    assert found.resolve().is_relative_to(folder.resolve())
