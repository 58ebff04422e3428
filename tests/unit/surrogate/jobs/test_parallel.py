"""Long work in parts: what is finished is not done again, whoever does it."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from graph_encoding import UserError
from surrogate.jobs.checkpoint import Unfinished
from surrogate.jobs.parallel import Part, all_parts
from surrogate.jobs.processes import OnStep

MADE: list[int] = []


@dataclass(frozen=True)
class Square(Part[int, int]):
    """A number's square, in as many steps as the number has."""

    number: int

    @property
    def steps(self) -> int:  # type: ignore[override]
        return self.number

    @property
    def name(self) -> str:
        return f"square-{self.number}"

    def make(self, context: int, on_step: OnStep) -> int:
        if self.number == context:
            raise KeyboardInterrupt
        MADE.append(self.number)
        for _ in range(self.number):
            on_step()
        return self.number**2

    def save(self, result: int, path: Path) -> None:
        path.write_text(str(result))

    def load(self, path: Path) -> int:
        return int(path.read_text())


SQUARES = [Square(n) for n in (4, 3, 2)]


def made(
    kept: Unfinished | None, *, stop_at: int = 0, workers: int = 1
) -> tuple[tuple[int, ...], list[tuple[int, int]]]:
    """The results, and what was told of the progress."""
    told: list[tuple[int, int]] = []
    MADE.clear()
    results = all_parts(
        SQUARES, stop_at, kept=kept, workers=workers, on_progress=lambda *at: told.append(at)
    )
    return results, told


def test_all_parts_are_made_and_every_step_is_told() -> None:
    results, told = made(None)
    assert results == (16, 9, 4)
    assert told == [(step, 9) for step in range(10)]


def test_what_was_finished_before_a_stop_is_not_made_again(tmp_path: Path) -> None:
    kept = Unfinished(tmp_path / "result")
    with pytest.raises(KeyboardInterrupt):
        made(kept, stop_at=3)
    results, told = made(kept)
    assert results == (16, 9, 4)
    assert MADE == [3, 2]
    assert told[0] == (4, 9)
    assert told[-1] == (9, 9)
    kept.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("keeps", [False, True])
def test_processes_give_the_same(
    keeps: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    kept = Unfinished(tmp_path / "result") if keeps else None
    results, told = made(kept, workers=2)
    assert results == (16, 9, 4)
    assert told == [(step, 9) for step in range(10)]
    assert MADE == []


def test_what_no_other_process_can_import_is_refused_before_it_begins() -> None:
    with pytest.raises(UserError, match="not lambdas, or take one worker"):
        all_parts(
            SQUARES,
            lambda: 0,  # type: ignore[arg-type]
            kept=None,
            workers=2,
            on_progress=lambda *_: None,
        )


def test_parts_of_other_work_are_not_gone_on_with(tmp_path: Path) -> None:
    kept = Unfinished(tmp_path / "result")
    kept.claim("fit", "a")
    kept.claim("fit", "c")  # nothing of the first is finished, and so nothing is lost
    made(kept)
    kept.claim("fit", "c")
    kept.claim("comparison", "b")
    with pytest.raises(UserError, match=r"result\.unfinished must keep parts of this fit, but"):
        kept.claim("fit", "b")


def test_where_nothing_can_be_kept_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = Unfinished(tmp_path / "file" / "result")
    with pytest.raises(UserError, match="cannot keep finished parts"):
        kept.claim("fit", "a")
    with pytest.raises(UserError, match="cannot keep finished parts"):
        made(kept)
