"""A latency sweep: one setting after another, each in a fresh process; one writer of records."""

import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from graph_encoding.cell import Cell
from graph_encoding.common.errors import NasasrError, UserError
from graph_encoding.functional_identity import functional_key
from graph_encoding.registered import Registered
from train_benchmark.collecting.failure_guard import MAX_ATTEMPTS, MAX_FAILED_IN_A_ROW, HeldRecords
from train_benchmark.latency.config import Sweep
from train_benchmark.latency.description import (
    Baseline,
    check_asked,
    describe_once,
    read_description,
    with_baseline,
)
from train_benchmark.latency.record_writer import LatencyStore
from train_benchmark.latency.setting import LatencySetting
from train_benchmark.latency.worker import (
    Ready,
    Stopped,
    Task,
    failed_record,
    identity_fields,
    work,
)
from train_benchmark.record_files.folder_kinds import SweepIdentity, read_latency_store
from train_benchmark.record_files.latency_record import LatencyRecord

_PATIENCE_SECONDS = 2.0


class MeasuringDiedError(NasasrError, RuntimeError):
    """The measuring process fails or dies for every cell."""


@dataclass(frozen=True)
class SweepProgress:
    """Progress of a running sweep.

    Attributes:
        setting: name of the current setting.
        done: number of records of this sweep's cells and settings, including earlier runs and
            excluding records that are measured again.
        total: number of cells times number of settings.
        new: number of records that this run added.
    """

    setting: str
    done: int
    total: int
    new: int


def run_sweep(
    sweep: Sweep,
    out: Path,
    *,
    cores: Sequence[int] | None = None,
    baselines_of: Path | None = None,
    retry_failed: bool = False,
    device: str | None = None,
    on_progress: Callable[[SweepProgress], None] | None = None,
) -> dict[SweepIdentity, LatencyRecord]:
    """Measure all cells without a record and write each record at once.

    An interrupt or kill loses only the cells in flight; another call measures the rest.

    Args:
        sweep: cells, settings and method.
        out: folder of the sweep, to create or to resume.
        cores: cores to measure on. The default is the last cores that this process may use, as
            many as the setting has threads.
        baselines_of: folder of an earlier sweep on this machine, for a new folder only. The
            latencies then refer to that sweep's speed and compare with its latencies.
        retry_failed: measure failed cells again; a successful record replaces the failed one.
        device: name of the machine in the records; by default that of its processor or GPU.
        on_progress: called at the start of each setting and after each record.

    Returns:
        All records of the sweep's cells and settings by (setting, functional key).

    Raises:
        UserError: if the folder was made with another method or on another processor, or a
            setting's baseline on another device or with other software. Also if the folder is not
            writable or has another writer, a setting cannot be measured here, its process cannot
            start, a core does not exist or is not allowed, or the device has no name.
        MeasuringDiedError: if several cells in a row failed or killed the measuring process.
    """
    wanted = _wanted(sweep)
    check_asked(out, sweep, baselines_of, device)
    pinned = {setting.name: _cores_for(setting, cores) for setting in sweep.settings}
    with LatencyStore(out, retry_failed=retry_failed) as store:
        baselines = describe_once(out, sweep, baselines_of)
        done, new = sum(identity in store.records for identity in wanted), 0

        def report(setting: LatencySetting) -> None:
            if on_progress:
                on_progress(SweepProgress(setting.name, done, len(wanted), new))

        for setting in sweep.settings:
            report(setting)
            of_setting = {i: cell for i, cell in wanted.items() if i[0] == setting.name}
            missing = [cell for i, cell in of_setting.items() if i not in store.records]
            if not missing:
                continue
            task = _task(sweep, setting, baselines, pinned[setting.name], device)
            for item in _measure(task, missing):
                if isinstance(item, Ready):
                    baselines = with_baseline(out, sweep, baselines, setting.name, item)
                    continue
                done, new = done + 1, new + store.append(item)
                report(setting)
        return {i: store.records[i] for i in wanted}


def _wanted(sweep: Sweep) -> dict[SweepIdentity, Cell]:
    return {
        (setting.name, functional_key(cell, sweep.semantics)): cell
        for setting in sweep.settings
        for cell in sweep.cells
    }


def read_sweep(folder: Path) -> tuple[LatencyRecord, ...]:
    """All records of a sweep's folder, which another process may be writing.

    Raises:
        UserError: if the folder is not that of a sweep.
    """
    read_description(folder)
    return tuple(read_latency_store(folder).values())


def _measure(task: Task, cells: Sequence[Cell]) -> Iterator[Ready | LatencyRecord]:
    """Records of all cells, even if the measuring process dies.

    A cell that was alone when its process died is measured again, at most `MAX_ATTEMPTS` times in
    total. Failed records come after a success has shown that the machine works, or at the end.
    """
    size = task.method.cells_at_a_time
    chunks = [list(cells[i : i + size]) for i in range(0, len(cells), size)]
    deaths: Counter[Cell] = Counter()
    held: HeldRecords[LatencyRecord] = HeldRecords(_faulty)
    while chunks:
        with _Worker(task) as worker:
            ready = worker.receive()
            if ready is None:
                raise _not_ready(task, worker.exit_code())
            task = replace(task, baseline_s=ready.baseline_s)
            yield ready
            while chunks:
                chunk = chunks.pop(0)
                records = list(worker.measure(chunk))
                yield from held.take(*records)
                measured = {record.cell for record in records}
                left = [cell for cell in chunk if cell.text not in measured]
                if left:
                    break
        if not left:
            continue
        # One of several cells killed the process: measured alone, it will show. A cell that was
        # alone may have been unlucky.
        deaths.update(left if len(left) == 1 else ())
        if deaths[left[0]] < MAX_ATTEMPTS:
            chunks = [[cell] for cell in left] + chunks
            continue
        yield from held.take(_lost(task, ready, left[0]))
    yield from held.rest()


def _not_ready(task: Task, exit_code: int) -> NasasrError:
    """The error for a process that ended before its first measurement."""
    if exit_code > 0:
        return UserError(
            f"setting {task.setting.name}: the measuring process must start, but it ended with "
            f"exit code {exit_code}, and no cell has a new record; start the sweep inside "
            "`if __name__ == '__main__':` if a script starts it"
        )
    return MeasuringDiedError(
        f"setting {task.setting.name}: the measuring process was killed while running the "
        f"reference cell {task.reference}; check the system log for out-of-memory kills"
    )


def _faulty(count: int, last: LatencyRecord) -> MeasuringDiedError:
    return MeasuringDiedError(
        f"at most {MAX_FAILED_IN_A_ROW - 1} cells in a row may fail or kill the measuring process, "
        f"but {count} did (the last: {last.cell}: {last.error}); none of them has a new "
        "record. Measure fewer cells at a time, and check the system log for out-of-memory kills; "
        "if the cells are the cause, remove them from the sweep"
    )


def _lost(task: Task, ready: Ready, cell: Cell) -> LatencyRecord:
    common = {
        **identity_fields(cell, task),
        "device": ready.device,
        "software": ready.software,
    }
    why = f"its measuring process died {MAX_ATTEMPTS} times"
    return failed_record(common, "failed", why, ready.baseline_s)


class _Worker:
    """A measuring process, as a context manager that ends it."""

    def __init__(self, task: Task) -> None:
        # A fresh interpreter has no thread pools of another setting or of the caller.
        context = multiprocessing.get_context("spawn")
        # Made here and not in the process, so that its scratch files are deleted however it ends.
        self._scratch = TemporaryDirectory(prefix="nasasr-")
        here, there = context.Pipe()
        self._connection: Connection[list[Cell], Any] = here
        self._process = context.Process(
            target=work, args=(there, task, Path(self._scratch.name)), daemon=True
        )
        self._process.start()
        there.close()

    def __enter__(self) -> "_Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        # An idle process notices and exits; one that is measuring is terminated.
        self._process.join(_PATIENCE_SECONDS)
        self._process.terminate()
        self._process.join()
        self._scratch.cleanup()

    def receive(self) -> Any:
        """The next message of the process, or None if it has died.

        Raises:
            UserError: if the setting cannot be measured here.
        """
        try:
            message = self._connection.recv()
        except (EOFError, ConnectionResetError):
            return None
        if isinstance(message, Stopped):
            raise UserError(message.why)
        return message

    def exit_code(self) -> int:
        """The exit code of an ended process, negative if a signal ended it."""
        self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode

    def measure(self, cells: list[Cell]) -> Iterator[LatencyRecord]:
        """Records of some cells, fewer if the process dies."""
        try:
            self._connection.send(cells)
        except (BrokenPipeError, ConnectionResetError):
            return
        for _ in cells:
            record = self.receive()
            if record is None:
                return
            yield record


def _task(
    sweep: Sweep,
    setting: LatencySetting,
    baselines: Mapping[str, Baseline],
    cores: tuple[int, ...],
    device: str | None,
) -> Task:
    baseline = baselines.get(setting.name)
    return Task(
        setting,
        sweep.semantics,
        sweep.reference,
        sweep.method,
        None if baseline is None else baseline.seconds,
        cores,
        device,
        Registered.current(),
    )


def _cores_for(setting: LatencySetting, cores: Sequence[int] | None) -> tuple[int, ...]:
    """Cores to pin a setting's process to; empty where the system cannot pin."""
    pins = hasattr(os, "sched_getaffinity")
    there = os.sched_getaffinity(0) if pins else range(os.cpu_count() or 1)
    unknown = sorted(set(cores or ()) - set(there))
    if unknown:
        raise UserError(
            f"cores must be among those that this process may use, "
            f"{', '.join(map(str, sorted(there)))}, but {', '.join(map(str, unknown))} are not; "
            "name some of these, or none"
        )
    usable = sorted(set(there if cores is None else cores))
    if len(usable) < setting.threads:
        raise UserError(
            f"a setting must have a core for each thread, but {setting.name} has "
            f"{setting.threads} threads for the cores {', '.join(map(str, usable))}; give more "
            "--cores or remove the setting"
        )
    if cores is not None:
        return tuple(cores)
    return tuple(usable[-setting.threads :]) if pins else ()
