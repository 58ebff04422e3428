"""The process that measures one setting: pinned to cores, with the threads of that setting."""

import logging
import os
import platform
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.errors import NasasrError, UserError
from graph_encoding.functional_identity import functional_key
from graph_encoding.registered import Registered
from graph_encoding.semantics import Semantics
from train_benchmark.latency.config import MethodConfig
from train_benchmark.latency.engines.engine import Engine, Run, Subject, make_engine
from train_benchmark.latency.engines.quantise import UnsupportedError
from train_benchmark.latency.measure import Measured, baseline_seconds, measure
from train_benchmark.latency.memory import PeakMemory
from train_benchmark.latency.setting import LatencySetting
from train_benchmark.record_files.latency_record import LatencyRecord, LatencyStatus

_WARM_UP_RUNS = 3
_PROC = Path("/proc")


@dataclass(frozen=True)
class Task:
    """The task of a worker.

    Attributes:
        setting: how networks are run.
        semantics: how cells are read.
        reference: the cell whose timings correct for drift.
        method: how a cell is measured.
        baseline_s: the reference's baseline, if an earlier run has measured it.
        cores: cores to pin the process to; empty for no pinning.
        device: name of the machine in the records; None for that of its processor or GPU.
        registered: operations and macro networks that the setting and the cells may name.
    """

    setting: LatencySetting
    semantics: Semantics
    reference: Cell
    method: MethodConfig
    baseline_s: float | None
    cores: tuple[int, ...]
    device: str | None
    registered: Registered


class Ready(NamedTuple):
    """A worker's first message, sent when the reference has run.

    Attributes:
        baseline_s: seconds of the reference at the machine's best speed.
        device: name of the processor or GPU that it ran on.
        software: the engine's versions.
    """

    baseline_s: float
    device: str
    software: str


class Stopped(NamedTuple):
    """A worker's only message if the setting cannot be measured here.

    Attributes:
        why: the message for the user.
    """

    why: str


class _Loaded(NamedTuple):
    cell: Cell
    runs: list[Run]
    model_bytes: int
    peak_memory_bytes: int | None


def work(connection: "Connection[Any, list[Cell]]", task: Task, scratch: Path) -> None:
    """Measure chunks of cells until the parent closes the connection: the process's target.

    Sends `Ready` or `Stopped`, then one record per cell of each list that it receives.
    Model files are in `scratch` while they are loaded.
    """
    # Ctrl-C reaches the whole process group; only the parent acts on it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.disable(logging.WARNING)  # onnxruntime's quantiser warns about each model
    try:
        pin(task.cores)
        task.registered.register()
        engine = make_engine(task.setting, task.semantics)
        with PeakMemory(engine) as memory:
            _Worker(task, engine, memory, scratch).serve(connection)
    except NasasrError as e:
        connection.send(Stopped(str(e)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        # The parent is gone, or has no more cells.
        return
    except OSError as e:
        # No cell is the cause of a full disk.
        connection.send(Stopped(_no_room(task, e)))


def _no_room(task: Task, error: Exception) -> str:
    return (
        f"setting {task.setting.name} must have room for its models, in memory and in the folder "
        f"of temporary files, but got {type(error).__name__}: {error}; free some, or measure fewer "
        "cells at a time"
    )


class _Worker:
    def __init__(self, task: Task, engine: Engine, memory: PeakMemory, folder: Path) -> None:
        self.task = task
        self.engine = engine
        self.memory = memory
        self.folder = folder
        # The order of the turns must differ between chunks, so it has no fixed seed.
        self.rng = np.random.default_rng()
        self.device = task.device or _description(task.setting)

    def serve(self, connection: "Connection[Any, list[Cell]]") -> None:
        try:
            reference = self._load(self.task.reference, "reference", loads=1).runs[0]
            baseline_s = self.task.baseline_s or baseline_seconds(reference, self.task.method)
        except (MemoryError, RuntimeError) as e:
            raise UserError(_no_room(self.task, e)) from e
        connection.send(Ready(baseline_s, self.device, self.engine.software))
        while True:
            for record in self._records(connection.recv(), reference, baseline_s):
                connection.send(record)

    def _records(
        self, cells: Sequence[Cell], reference: Run, baseline_s: float
    ) -> list[LatencyRecord]:
        records, loaded = [], []
        for number, cell in enumerate(cells):
            try:
                loaded.append(self._load(cell, str(number), self.task.method.loads))
            except UnsupportedError as e:
                records.append(self._failure(cell, "unsupported", str(e), baseline_s))
            except (NasasrError, MemoryError, RuntimeError) as e:
                why = f"{type(e).__name__}: {e}"[:300]
                records.append(self._failure(cell, "failed", why, baseline_s))
        if loaded:
            runs = [network.runs for network in loaded]
            results = measure(runs, reference, self.task.method, baseline_s, self.rng)
            for network, result in zip(loaded, results, strict=True):
                records.append(self._record(network, result, baseline_s))
        return records

    def _load(self, cell: Cell, name: str, loads: int) -> _Loaded:
        subject = Subject(cell, self.folder / f"{name}.onnx")
        try:
            model_bytes = self.engine.prepare(subject)
            peak = self.memory.of(subject)
            runs = [self.engine.load(subject) for _ in range(loads)]
        finally:
            subject.path.unlink(missing_ok=True)
        for run in runs * _WARM_UP_RUNS:
            run()
        return _Loaded(cell, runs, model_bytes, peak)

    def _record(self, network: _Loaded, result: Measured, baseline_s: float) -> LatencyRecord:
        return LatencyRecord(
            **self._common(network.cell),
            status="ok",
            error="",
            latency_s=result.centre.latency_s,
            latency_error_s=result.centre.error_s,
            noisy=result.noisy,
            quantiles_s=result.quantiles_s,
            repetitions=result.repetitions,
            attempts=result.attempts,
            drift_factor=result.centre.drift_factor,
            reference_s=baseline_s,
            peak_memory_bytes=network.peak_memory_bytes,
            model_bytes=network.model_bytes,
        )

    def _failure(
        self, cell: Cell, status: LatencyStatus, why: str, baseline_s: float
    ) -> LatencyRecord:
        return failed_record(self._common(cell), status, why, baseline_s)

    def _common(self, cell: Cell) -> dict[str, Any]:
        return {
            **identity_fields(cell, self.task),
            "device": self.device,
            "software": self.engine.software,
        }


def identity_fields(cell: Cell, task: Task) -> dict[str, Any]:
    """The fields of a record that are known before the measurement."""
    return {
        "functional_key": functional_key(cell, task.semantics),
        "cell": cell.text,
        "semantics": task.semantics.value,
        "setting": task.setting.name,
    }


def failed_record(
    common: dict[str, Any], status: LatencyStatus, why: str, baseline_s: float
) -> LatencyRecord:
    """The record of a cell without a latency.

    Args:
        common: fields of identity, device and software.
        status: "failed" or "unsupported".
        why: the reason.
        baseline_s: the reference's baseline.
    """
    return LatencyRecord(
        **common,
        status=status,
        error=why,
        latency_s=float("nan"),
        latency_error_s=float("nan"),
        noisy=False,
        quantiles_s=(),
        repetitions=0,
        attempts=0,
        drift_factor=float("nan"),
        reference_s=baseline_s,
        peak_memory_bytes=None,
        model_bytes=0,
    )


def pin(cores: tuple[int, ...]) -> None:
    """Pin this process to some cores, if the system can."""
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def cpu_description() -> str:
    """Name of the processor, and the number of cores of this machine."""
    return f"{_cpu_model()}, {os.cpu_count()} cores"


def _cpu_model() -> str:
    """The system's name for the processor; ARM Linux names only the board, or numbers its cores.

    Read by hand, because py-cpuinfo takes three seconds for it and knows no boards.
    """
    info, board = _PROC / "cpuinfo", _PROC / "device-tree" / "model"
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []

    def values_of(field: str) -> list[str]:
        return [line.partition(":")[2].strip() for line in lines if line.startswith(field)]

    if names := values_of("model name"):
        return names[0]
    if board.exists():
        return board.read_text(encoding="utf-8").rstrip("\0")
    kinds = zip(values_of("CPU implementer"), values_of("CPU part"), strict=False)
    if numbers := sorted({f"{maker}/{part}" for maker, part in kinds}):
        return f"{platform.machine()} CPU {' '.join(numbers)}"
    if (platform.system(), platform.machine()) == ("Darwin", "arm64"):
        return subprocess.run(
            ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    return platform.processor() or platform.machine()


def _description(setting: LatencySetting) -> str:
    """Name of the processor or GPU of a setting."""
    if setting.device == "cpu":
        return cpu_description()
    import torch

    return torch.cuda.get_device_name()
