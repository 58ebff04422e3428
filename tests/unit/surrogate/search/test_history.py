"""Histories survive a kill at any byte."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_encoding.common.errors import UserError
from surrogate.search import Evaluation, History

ABOUT = {"searcher": "random", "seed": 0}


def evaluation(number: int) -> Evaluation:
    return Evaluation(f"k{number}", "10", 1, {"a": number / 3}, (number / 3,), "ok", "test", number)


EVALUATIONS = [evaluation(n) for n in range(4)]


def written(path: Path) -> bytes:
    with History(ABOUT, path) as history:
        for one in EVALUATIONS[len(history) :]:
            history.append(one)
    return path.read_bytes()


@given(st.data())
@settings(max_examples=40)
def test_a_file_cut_at_any_byte_is_completed_to_the_same_bytes(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        whole = written(path)
        kept = data.draw(st.integers(0, len(whole)))
        path.write_bytes(whole[:kept])
        with History(ABOUT, path) as history:
            found = list(history.evaluations)
        assert found == EVALUATIONS[: len(found)]
        assert written(path) == whole


def test_numbers_survive_the_file_to_the_last_bit(tmp_path: Path) -> None:
    written(tmp_path / "h")
    with History(ABOUT, tmp_path / "h") as history:
        assert list(history.evaluations) == EVALUATIONS


def test_the_file_of_another_search_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    whole = written(tmp_path / "h")
    with pytest.raises(UserError, match="of another search: seed differ"):
        History({**ABOUT, "seed": 1}, tmp_path / "h").__enter__()
    assert (tmp_path / "h").read_bytes() == whole


def test_a_file_without_an_evaluation_becomes_that_of_the_search(tmp_path: Path) -> None:
    with History({**ABOUT, "seed": 1}, tmp_path / "h"):
        pass
    written(tmp_path / "h")
    assert (tmp_path / "h").read_bytes() == written(tmp_path / "new")


@pytest.mark.parametrize("content", [b'{"a": 1}\n', b"[1]\n", b"7\n", b"text\n", b"\xff\xfe\n"])
def test_a_file_that_is_no_history_is_refused_and_left_as_it_is(
    content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "h").write_bytes(content)
    with pytest.raises(UserError, match=r"history of a search|of another search"):
        History(ABOUT, tmp_path / "h").__enter__()
    assert (tmp_path / "h").read_bytes() == content


def test_bytes_that_are_no_text_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    whole = written(tmp_path / "h")
    (tmp_path / "h").write_bytes(whole + b"\xff\xfe\n")
    with pytest.raises(UserError, match=r"h must be the history of a search"):
        History(ABOUT, tmp_path / "h").__enter__()
    (tmp_path / "h").write_bytes(whole)
    assert written(tmp_path / "h") == whole, "the file must not be held after the error"


def test_another_checksum_is_another_search_but_older_files_have_none(tmp_path: Path) -> None:
    written(tmp_path / "h")
    with History({**ABOUT, "source_sha256": "a"}, tmp_path / "h") as history:
        assert list(history.evaluations) == EVALUATIONS
    with History({**ABOUT, "source_sha256": "a"}, tmp_path / "new") as history:
        history.append(EVALUATIONS[0])
    with pytest.raises(UserError, match="of another search: source_sha256 differ"):
        History({**ABOUT, "source_sha256": "b"}, tmp_path / "new").__enter__()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{}", "key"),
        (EVALUATIONS[0].to_json().replace('"ok"', '"odd"'), "status"),
        (EVALUATIONS[0].to_json().replace('"asked_at": 0', '"asked_at": "a"'), "asked_at"),
        (EVALUATIONS[0].to_json().replace("[0.0]", "[]"), "costs must go with the status"),
        (EVALUATIONS[0].to_json().replace("[0.0]", "[1e999]"), "finite"),
    ],
)
def test_a_damaged_line_is_an_error_that_names_file_and_line(
    line: str, why: str, tmp_path: Path
) -> None:
    written(tmp_path / "h")
    lines = (tmp_path / "h").read_text().splitlines()
    (tmp_path / "h").write_text("\n".join([lines[0], line, *lines[2:]]) + "\n")
    with pytest.raises(UserError, match=f"h must be the history of a search, but line 2.*{why}"):
        History(ABOUT, tmp_path / "h").__enter__()


def test_two_writers_of_one_file_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    with (
        History(ABOUT, tmp_path / "h"),
        pytest.raises(UserError, match="held by another process"),
    ):
        History(ABOUT, tmp_path / "h").__enter__()
    written(tmp_path / "h")


def test_a_search_that_asks_for_something_else_is_not_resumed(tmp_path: Path) -> None:
    written(tmp_path / "h")
    with History(ABOUT, tmp_path / "h") as history:
        assert history.recorded(1, "k1", 1) == EVALUATIONS[1]
        assert history.recorded(4, "k4", 1) is None
        with pytest.raises(UserError, match="now 'k3' with seed 1 is asked for"):
            history.recorded(2, "k3", 1)
        with pytest.raises(UserError, match="with seed 2 is asked for"):
            history.recorded(2, "k2", 2)


@pytest.mark.parametrize(
    ("values", "costs", "status"),
    [({}, (), "ok"), ({}, (1.0,), "failed"), ({"a": float("nan")}, (1.0,), "ok"), ({}, (), "none")],
)
def test_what_is_no_evaluation_is_refused(
    values: dict[str, float], costs: tuple[float, ...], status: str
) -> None:
    with pytest.raises(UserError, match=r"status|finite"):
        Evaluation("k", "10", 1, values, costs, status, "test", 0)  # type: ignore[arg-type]
