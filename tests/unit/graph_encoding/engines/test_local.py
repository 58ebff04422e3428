"""Local workers: they end alone, leave the caller as it was, and say why they cannot start."""

import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from graph_encoding import MissingExtraError, UserError
from graph_encoding.engines.engine import Engine, Lost, Needs, OnStep, ThisProcess
from graph_encoding.engines.local import LocalEngine

Work = Callable[[int, OnStep], object]


def run(
    engine: Engine, tasks: list[int], make_work: Callable[[int], Work], **options: object
) -> dict[int, object]:
    waiting = iter(tasks)
    return dict(engine.run(lambda: next(waiting, None), make_work, **options))  # type: ignore[arg-type]


def doubling(_number: int) -> Work:
    def double(number: int, on_step: OnStep) -> int:
        on_step()
        return 2 * number

    return double


def failing(_number: int) -> Work:
    def fail(number: int, on_step: OnStep) -> int:
        on_step()
        if number == 4:
            raise MissingExtraError("torch", "gnn")
        raise UserError(f"{number} is unavailable")

    return fail


def refusing(_number: int) -> Work:
    raise UserError("unknown predictor 'mine'")


def threads(number: int) -> Work:
    def seen(task: int, on_step: OnStep) -> tuple[str | None, int]:
        del task, on_step
        return os.environ.get("OMP_NUM_THREADS"), number

    return seen


def dying(_number: int) -> Work:
    def die(number: int, on_step: OnStep) -> int:
        """Number 3 dies always, another one once, if its file is there."""
        on_step()
        mark = Path(os.environ["NASASR_TEST_DEATH"]) / str(number)
        if number == 3 or mark.exists():
            mark.unlink(missing_ok=True)
            os._exit(9)
        return 2 * number

    return die


def sleep() -> None:
    time.sleep(60)


@pytest.mark.parametrize("engine", [ThisProcess(), LocalEngine(1), LocalEngine(2)])
def test_engines_agree_and_count_every_step(engine: Engine) -> None:
    steps = []
    found = run(engine, [1, 2, 3], doubling, on_step=lambda: steps.append(1))
    assert found == {1: 2, 2: 4, 3: 6}
    assert len(steps) == 3


def test_workers_have_their_environment_and_the_caller_keeps_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    needs = Needs({"OMP_NUM_THREADS": "1", "MKL_CBWR": "AVX2"})
    found = run(LocalEngine(2), [1, 2], threads, needs=needs)
    assert sorted(found.values()) == [("1", 0), ("1", 1)]  # type: ignore[type-var]
    assert "OMP_NUM_THREADS" not in os.environ
    assert os.environ["MKL_CBWR"] == "COMPATIBLE"


def test_killed_workers_cost_their_own_task_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NASASR_TEST_DEATH", str(tmp_path))
    (tmp_path / "2").touch()
    found = run(LocalEngine(2), [1, 2, 3, 4], dying)
    lost = found.pop(3)
    assert lost == Lost("its worker was lost 3 times: its process was killed")
    assert found == {1: 2, 2: 4, 4: 8}


def test_an_error_ends_the_workers_and_no_other_process() -> None:
    other = multiprocessing.get_context("spawn").Process(target=sleep)
    other.start()
    try:
        with pytest.raises(UserError, match="is unavailable"):
            run(LocalEngine(2), [1, 2, 3], failing)
        other.join(0.5)
        assert other.is_alive()
        assert len(multiprocessing.active_children()) == 1
    finally:
        other.terminate()
        other.join()


def test_a_missing_package_is_named_by_a_worker_too() -> None:
    with pytest.raises(UserError, match=r"nasasr\[gnn\]"):
        run(LocalEngine(1), [4], failing)


def test_a_worker_that_cannot_start_says_why() -> None:
    with pytest.raises(UserError, match=r"could not start: UserError: unknown predictor 'mine'; "):
        run(LocalEngine(2), [1, 2], refusing)


def test_what_no_other_process_can_import_is_refused_before_it_begins() -> None:
    with pytest.raises(UserError, match="not lambdas, or take one worker"):
        run(LocalEngine(2), [1], lambda _number: lambda task, _: task)
