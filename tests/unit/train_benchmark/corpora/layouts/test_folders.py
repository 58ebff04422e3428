"""Folders of corpora: whatever cannot be read is named, and nothing is left out silently."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("soundfile", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding import UserError
from tests.unit.train_benchmark.corpora_helpers import write_utterance
from train_benchmark.corpora.check import check_corpus
from train_benchmark.corpora.layouts.folders import files_below
from train_benchmark.corpora.layouts.read_corpus import LAYOUTS
from train_benchmark.corpora.layouts.source import CorpusSource

Forbid = Callable[[Path], None]


@pytest.fixture
def forbid(monkeypatch: pytest.MonkeyPatch) -> Forbid:
    """Makes a folder unreadable and what is in it unreachable, also for an administrator."""
    forbidden: list[Path] = []

    def refusing(call: Callable[..., Any], *, reaches: bool) -> Callable[..., Any]:
        def refuse(path: Any = ".", *args: Any, **kwargs: Any) -> Any:
            for folder in forbidden if isinstance(path, str | os.PathLike) else ():
                inside = Path(path).is_relative_to(folder)
                if inside and (Path(path) != folder or not reaches):
                    raise PermissionError(13, "Permission denied", str(path))
            return call(path, *args, **kwargs)

        return refuse

    for name in ("scandir", "listdir"):
        monkeypatch.setattr(os, name, refusing(getattr(os, name), reaches=False))
    monkeypatch.setattr(os, "stat", refusing(os.stat, reaches=True))
    return forbidden.append


@pytest.mark.parametrize("layout", list(LAYOUTS))
@pytest.mark.parametrize("inner", ["", "corpus"])
def test_unreadable_folders_are_refused(
    tmp_path: Path, forbid: Forbid, layout: str, inner: str
) -> None:
    root = tmp_path / "private" / inner
    root.mkdir(parents=True)
    forbid(tmp_path / "private")
    source = CorpusSource.model_validate({"layout": layout})
    with pytest.raises(UserError, match=r"cannot read corpus.*Permission denied"):
        check_corpus(root, source)


def test_every_unreadable_folder_is_a_problem(tmp_path: Path, forbid: Forbid) -> None:
    for speaker in ("fa", "fb", "fc"):
        write_utterance(tmp_path / speaker, "sx1")
    for speaker in ("fa", "fc"):
        forbid(tmp_path / speaker)
    report = check_corpus(tmp_path)
    assert (report.utterances, report.fingerprint) == (1, None)
    assert [
        str(tmp_path / name) in p for name, p in zip(("fa", "fc"), report.problems, strict=True)
    ]
    assert all("cannot read corpus folder" in problem for problem in report.problems)


def test_an_unreadable_folder_is_named_where_nothing_else_is_found(
    tmp_path: Path, forbid: Forbid
) -> None:
    write_utterance(tmp_path / "fa", "sx1")
    forbid(tmp_path / "fa")
    with pytest.raises(UserError, match=r"cannot read corpus folder .*fa: Permission denied"):
        check_corpus(tmp_path)


def test_files_of_linked_folders_are_found_without_loops(tmp_path: Path) -> None:
    (tmp_path / "root/a").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/x").write_text("")
    (tmp_path / "root/a/up").symlink_to(tmp_path / "root")
    (tmp_path / "root/b").symlink_to(tmp_path / "other")
    problems: list[str] = []
    assert list(files_below(tmp_path / "root", problems)) == [tmp_path / "root/b/x"]
    assert problems == []
