"""Tasks: what a checkpoint holds is not run again, wherever the rest runs."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from graph_encoding import UserError
from graph_encoding.engines.engine import OnStep
from surrogate.jobs.checkpoint import Checkpoint
from surrogate.jobs.tasks import Task, each_done, one_thread_each, run

MADE: list[int] = []


@dataclass(frozen=True)
class Square(Task[int, int]):
    """A number's square, in as many steps as the number has; a file, or a folder of two."""

    number: int

    @property
    def steps(self) -> int:  # type: ignore[override]
        return self.number

    @property
    def suffix(self) -> str:  # type: ignore[override]
        return ".txt" if self.number == 3 else ".zip"

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
        if self.suffix == ".txt":
            path.write_text(str(result))
            return
        (path / "inner").mkdir(parents=True)
        (path / "inner" / "result").write_text(str(result))

    def load(self, path: Path) -> int:
        return int((path if path.is_file() else path / "inner" / "result").read_text())


SQUARES = [Square(n) for n in (4, 3, 2)]
STEPS = 12
"""Those of the numbers, and one for each result."""


def squares(
    checkpoint: Checkpoint | None, *, stop_at: int = 0, workers: int = 1, inputs: str = "a"
) -> tuple[tuple[int, ...], list[tuple[int, int]]]:
    """The results, and the reported progress."""
    reported: list[tuple[int, int]] = []
    MADE.clear()
    results = run(
        SQUARES,
        stop_at,
        inputs={"job": inputs},
        checkpoint=checkpoint,
        workers=workers,
        on_progress=lambda *at: reported.append(at),
    )
    return results, reported


def test_all_tasks_are_run_and_every_step_is_reported() -> None:
    results, reported = squares(None)
    assert results == (16, 9, 4)
    assert reported == [(step, STEPS) for step in range(STEPS + 1)]


def test_what_finished_before_a_stop_is_not_run_again(tmp_path: Path) -> None:
    checkpoint = Checkpoint.beside(tmp_path / "result")
    with pytest.raises(KeyboardInterrupt):
        squares(checkpoint, stop_at=3)
    results, reported = squares(checkpoint)
    assert results == (16, 9, 4)
    assert MADE == [3, 2]
    assert reported[0] == (5, STEPS)
    assert reported[-1] == (STEPS, STEPS)
    checkpoint.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stored", [False, True])
def test_processes_give_the_same(
    stored: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    checkpoint = Checkpoint(tmp_path / "results") if stored else None
    results, reported = squares(checkpoint, workers=2)
    assert results == (16, 9, 4)
    assert reported == [(step, STEPS) for step in range(STEPS + 1)]
    assert MADE == []


def test_results_of_other_inputs_are_not_reused(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path)
    squares(checkpoint)
    squares(checkpoint, inputs="b")
    assert MADE == [4, 3, 2]
    squares(checkpoint)
    assert MADE == []


def test_a_torn_result_names_its_file(tmp_path: Path) -> None:
    squares(Checkpoint(tmp_path))
    for path in tmp_path.iterdir():
        path.write_bytes(b"torn")
    with pytest.raises(UserError, match=r"must be a finished result, but .*; remove it"):
        squares(Checkpoint(tmp_path))


def test_where_nothing_can_be_written_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write finished results to .*file"):
        squares(Checkpoint(tmp_path / "file" / "result"))


def dying(number: int, on_step: OnStep) -> int:
    del on_step
    os._exit(number)


def test_a_task_that_kills_its_workers_is_a_message() -> None:
    with pytest.raises(UserError, match=r"one did not: its worker was lost 3 times.* --workers"):
        list(each_done([1, 2], dying, workers=2))


def test_workers_have_one_thread_unless_the_user_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert one_thread_each().environment == {"OMP_NUM_THREADS": "1"}
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert one_thread_each().environment == {}
