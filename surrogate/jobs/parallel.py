"""Long work as parts that do not need each other: made by several processes, kept when stopped."""

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar, cast

from graph_encoding.common.errors import unreadable
from surrogate.jobs.checkpoint import Unfinished
from surrogate.jobs.processes import OnStep, each_done

Context = TypeVar("Context")
Result = TypeVar("Result")

OnProgress = Callable[[int, int], None]
"""Called with the steps that are done and their number, first with those of kept parts."""


class Part(ABC, Generic[Context, Result]):
    """One part of long work; what all parts are made with is the context.

    Attributes:
        steps: how many steps it reports.
    """

    steps: int

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the part, which a folder may have."""

    @abstractmethod
    def make(self, context: Context, on_step: OnStep) -> Result:
        """Make it; `on_step` is called after each of its steps."""

    @abstractmethod
    def save(self, result: Result, path: Path) -> None:
        """Write it as a file or a folder that is not there yet."""

    @abstractmethod
    def load(self, path: Path) -> Result:
        """Read what `save` wrote."""


def all_parts(
    parts: Sequence[Part[Context, Result]],
    context: Context,
    *,
    kept: Unfinished | None,
    workers: int,
    on_progress: OnProgress,
) -> tuple[Result, ...]:
    """Make those of some parts that are not kept yet; the results of all, in their order.

    Args:
        parts: the parts, the longest first.
        context: what they are made with; for several workers it must go by pickle.
        kept: where finished parts are kept; None keeps none.
        workers: processes that work at a time.
        on_progress: told of every step.

    Raises:
        UserError: if a part cannot be made or kept.
    """
    if workers > 1 and kept is None:
        # What is learned goes from process to process as it goes into an artifact.
        with tempfile.TemporaryDirectory() as folder:
            passing = Unfinished(Path(folder) / "work")
            return all_parts(parts, context, kept=passing, workers=workers, on_progress=on_progress)
    maker: _Maker[Context, Result] = _Maker(context, kept)
    found = {part.name: _loaded(part, path) for part in parts if (path := maker.path(part))}
    missing = [part for part in parts if part.name not in found]
    total = sum(part.steps for part in parts)
    done = total - sum(part.steps for part in missing)
    on_progress(done, total)

    def step() -> None:
        nonlocal done
        done += 1
        on_progress(done, total)

    for part, result in each_done(missing, maker.make, workers=workers, on_step=step):
        path = maker.path(part)
        found[part.name] = _loaded(part, path) if path else cast("Result", result)
    return tuple(found[part.name] for part in parts)


def _loaded(part: Part[Context, Result], path: Path) -> Result:
    with unreadable(f"{path} must hold a finished part", "remove it and run it again"):
        return part.load(path)


@dataclass(frozen=True, eq=False)
class _Maker(Generic[Context, Result]):
    context: Context
    kept: Unfinished | None

    def path(self, part: Part[Context, Result]) -> Path | None:
        """Where a part stands, if it does."""
        return None if self.kept is None else self.kept.part(part.name)

    def make(self, part: Part[Context, Result], on_step: OnStep) -> Result | None:
        """A part; None if it is kept, where it then stands."""
        result = part.make(self.context, on_step)
        if self.kept is None:
            return result
        self.kept.keep(part.name, partial(part.save, result))
        return None
