"""Long work as independent tasks: run on any engine, resumed from a checkpoint."""

import io
import os
import tempfile
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from graph_encoding.common.errors import UserError, unreadable
from graph_encoding.common.hashing import content_hash
from graph_encoding.engines.engine import Engine, Lost, Needs, OnStep, ThisProcess, no_step
from graph_encoding.engines.local import LocalEngine
from surrogate.jobs.checkpoint import Checkpoint, result_key

T = TypeVar("T")
R = TypeVar("R")
Context = TypeVar("Context")
Result = TypeVar("Result")

OnProgress = Callable[[int, int], None]
"""Called with the finished steps and their total; first with those that a checkpoint holds."""

_FOLDER = ".zip"


def no_progress(done: int, total: int) -> None:
    """No-op progress callback."""


def local_engine(workers: int) -> Engine:
    """So many processes of this machine; the calling process for one."""
    return ThisProcess() if workers == 1 else LocalEngine(workers)


def one_thread_each() -> Needs:
    """Workers with one thread each, unless the user has set OMP_NUM_THREADS.

    Several of them with as many threads each as there are cores would only slow each other down.
    """
    return Needs({} if "OMP_NUM_THREADS" in os.environ else {"OMP_NUM_THREADS": "1"})


def each_done(
    tasks: Sequence[T],
    work: Callable[[T, OnStep], R],
    *,
    workers: int = 1,
    engine: Engine | None = None,
    on_step: OnStep = no_step,
) -> Generator[tuple[T, R], None, None]:
    """Run tasks that need no checkpoint; yields each with its result, as they finish.

    Args:
        tasks: what to run.
        work: runs a task, and may report steps; it is sent to each worker by pickle.
        workers: processes of this machine, if there is no engine.
        engine: where tasks run; by default on this machine.
        on_step: called for every step.

    Raises:
        UserError: as `Engine.run`, and if a task loses its workers.
    """
    waiting = iter(tasks)
    running = (engine or local_engine(workers)).run(
        lambda: next(waiting, None), made_once(work), one_thread_each(), on_step=on_step
    )
    with closing(running):
        for task, result in running:
            if isinstance(result, Lost):
                raise lost_error(result)
            yield task, result


def made_once(work: Callable[[T, OnStep], R]) -> Callable[[int], Callable[[T, OnStep], R]]:
    """For an engine, work that needs no set-up in its workers."""
    return partial(_same, work)


def _same(work: Callable[[T, OnStep], R], number: int) -> Callable[[T, OnStep], R]:
    del number
    return work


def lost_error(lost: Lost) -> UserError:
    """The error of a task that lost its workers."""
    return UserError(
        f"every task must end, but one did not: {lost.why}; finished results are stored: look for "
        "what killed it (out of memory?) and run it again, with fewer --workers if need be"
    )


class Task(ABC, Generic[Context, Result]):
    """One task of a job; what all tasks share is the context.

    Attributes:
        steps: how many steps it reports while it runs; that its result is stored is one more.
        suffix: of the file that `save` writes; ".zip" if `save` makes a folder.
    """

    steps: int = 0
    suffix: str = _FOLDER

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the task within its job."""

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What its result depends on beside its name and the inputs of the job, as JSON."""
        return {}

    @abstractmethod
    def make(self, context: Context, on_step: OnStep) -> Result:
        """Run it; `on_step` is called after each of its steps."""

    @abstractmethod
    def save(self, result: Result, path: Path) -> None:
        """Write the result as a file or a folder that does not exist yet."""

    @abstractmethod
    def load(self, path: Path) -> Result:
        """Read what `save` wrote."""


def run(
    tasks: Sequence[Task[Context, Result]],
    context: Context,
    *,
    inputs: Mapping[str, Any],
    workers: int = 1,
    engine: Engine | None = None,
    checkpoint: Checkpoint | None = None,
    on_progress: OnProgress = no_progress,
) -> tuple[Result, ...]:
    """Run the tasks whose results a checkpoint does not hold; all results, in their order.

    Args:
        tasks: the tasks, the longest first.
        context: what they share; it is sent to each worker by pickle.
        inputs: what all results depend on, see `result_key`.
        workers: processes of this machine, if there is no engine.
        engine: where tasks run; by default on this machine.
        checkpoint: where finished results are stored; none are if None.
        on_progress: called for every step.

    Raises:
        UserError: if a task cannot be run or its result cannot be stored.
    """
    engine = engine or local_engine(workers)
    if checkpoint is not None:
        names = file_names(tasks, inputs)
        return _run_stored(tasks, context, names, engine, checkpoint, on_progress)
    # From other processes, results come back as they are stored, in no other form.
    with tempfile.TemporaryDirectory(prefix="nasasr-") as folder:
        names = [f"{i}{task.suffix}" for i, task in enumerate(tasks)]
        passing = None if isinstance(engine, ThisProcess) else Checkpoint(Path(folder))
        return _run_stored(tasks, context, names, engine, passing, on_progress)


def _run_stored(
    tasks: Sequence[Task[Context, Result]],
    context: Context,
    names: Sequence[str],
    engine: Engine,
    checkpoint: Checkpoint | None,
    on_progress: OnProgress,
) -> tuple[Result, ...]:
    """As `run`; each result is stored under the name of its task, unless nothing is stored."""
    found: dict[int, Result] = {}
    if checkpoint is not None:
        paths = [checkpoint.folder / name for name in names]
        found = {i: _loaded(tasks[i], path) for i, path in enumerate(paths) if path.exists()}
    missing = [i for i in range(len(tasks)) if i not in found]
    total = sum(task.steps + 1 for task in tasks)
    done = sum(tasks[i].steps + 1 for i in found)
    on_progress(done, total)

    def step() -> None:
        nonlocal done
        # A task that lost its worker reports its first steps again.
        done = min(done + 1, total)
        on_progress(done, total)

    work = _Work(tuple(tasks), context, packs=checkpoint is not None)
    for i, result in each_done(missing, work, engine=engine, on_step=step):
        if checkpoint is not None:
            assert isinstance(result, bytes)
            checkpoint.write(names[i], result)
            found[i] = _loaded(tasks[i], checkpoint.folder / names[i])
        else:
            found[i] = cast("Result", result)
        for _ in range(1 if engine.reports_steps else 1 + tasks[i].steps):
            step()
    return tuple(found[i] for i in range(len(tasks)))


@dataclass(frozen=True, eq=False)
class _Work(Generic[Context, Result]):
    """Runs tasks by their numbers, in any process."""

    tasks: tuple[Task[Context, Result], ...]
    context: Context
    packs: bool

    def __call__(self, i: int, on_step: OnStep) -> Result | bytes:
        task = self.tasks[i]
        result = task.make(self.context, on_step)
        return _packed(task, result) if self.packs else result


def file_names(tasks: Sequence[Task[Any, Any]], inputs: Mapping[str, Any]) -> list[str]:
    """Name of the file of each task's result: another one if anything it depends on differs.

    Args:
        tasks: the tasks.
        inputs: what all results depend on, see `result_key`.
    """
    key = result_key(inputs)
    return [content_hash([key, task.name, task.inputs])[:24] + task.suffix for task in tasks]


def _packed(task: Task[Context, Result], result: Result) -> bytes:
    """A result as the content of one file."""
    with tempfile.TemporaryDirectory(prefix="nasasr-") as folder:
        path = Path(folder) / "result"
        task.save(result, path)
        if task.suffix != _FOLDER:
            return path.read_bytes()
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for file in sorted(path.rglob("*")):
                archive.write(file, file.relative_to(path))
        return buffer.getvalue()


def _loaded(task: Task[Context, Result], path: Path) -> Result:
    with unreadable(f"{path} must be a finished result", "remove it and run it again"):
        if task.suffix != _FOLDER:
            return task.load(path)
        with tempfile.TemporaryDirectory(prefix="nasasr-") as folder:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
            return task.load(Path(folder))
