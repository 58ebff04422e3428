"""Names mean what is shipped, and paths what lies there."""

from pathlib import Path

import pytest

from graph_encoding.common.packaged import found_folder


def test_a_name_means_the_shipped_one_and_a_path_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped, here = tmp_path / "shipped", tmp_path / "here"
    for folder in (shipped / "both", shipped / "theirs", here / "both", here / "ours"):
        folder.mkdir(parents=True)
        (folder / "file").write_text("")
    (here / "theirs").mkdir()
    monkeypatch.chdir(here)
    found = {
        str(name): found_folder(name, shipped, "file")
        for name in ("both", "./both", "both/", str(here / "both"), "theirs", "ours", "none", ".")
    }
    assert found == {
        "both": shipped / "both",
        "./both": Path("both"),
        "both/": Path("both"),
        str(here / "both"): here / "both",
        "theirs": shipped / "theirs",
        "ours": Path("ours"),
        "none": None,
        ".": None,
    }
    assert found_folder(Path("both"), shipped, "file") == Path("both")
    assert found_folder(Path("theirs"), shipped, "file") == shipped / "theirs"
