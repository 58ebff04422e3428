"""Peak memory of a network: the memory that loading it and one run add to an idle engine.

A process that has run other networks still holds some of their memory, which would hide a part
of the next network's. So a nursery process is forked while only the engine is loaded. For each
network it forks a child, which loads the network, runs it once, reports its peak and exits.
"""

import os
import signal
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

from train_benchmark.latency.engines.engine import Engine, Subject

_STATUS = Path("/proc/self/status")
_CLEAR_REFERENCES = Path("/proc/self/clear_refs")


class PeakMemory:
    """Measures peak memory; enter this context before the process has threads or networks.

    Args:
        engine: loads and runs the networks.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection[Subject, int | None] | None = None
        self._nursery = 0

    def __enter__(self) -> Self:
        # On a GPU the memory is the GPU's, and CUDA does not outlive a fork.
        if self._engine.setting.device == "cpu" and _CLEAR_REFERENCES.exists():
            here, there = Pipe()
            self._nursery = os.fork()
            if self._nursery == 0:
                here.close()
                _serve(there, self._engine)
            there.close()
            self._connection = here
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            self._connection.close()
            os.waitpid(self._nursery, 0)

    def of(self, subject: Subject) -> int | None:
        """Bytes that a prepared network needs; None where they cannot be measured."""
        if self._engine.setting.device == "cuda":
            return _cuda_peak(self._engine, subject)
        if self._connection is None:
            return None
        self._connection.send(subject)
        return self._connection.recv()


def _serve(connection: "Connection[int | None, Subject]", engine: Engine) -> None:
    """The loop of the nursery, until its parent closes the connection."""
    # Ctrl-C reaches the whole process group; only the parent acts on it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        while True:
            subject = connection.recv()
            connection.send(_in_child(engine, subject))
    except (EOFError, OSError):
        os._exit(0)


def _in_child(engine: Engine, subject: Subject) -> int | None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, str(_peak_here(engine, subject)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        peak = file.read()
    os.waitpid(child, 0)
    return int(peak) if peak else None


def _peak_here(engine: Engine, subject: Subject) -> int:
    # Resets the high-water mark of resident memory.
    _CLEAR_REFERENCES.write_text("5", encoding="utf-8")
    before, files_before = _status_bytes("VmRSS"), _status_bytes("RssFile")
    engine.load(subject)()
    # A fork does not copy the page tables of mapped files. The engine's libraries, 18 MB in
    # onnxruntime, count as new when they are next called, but networks map no file. The mark is of
    # the sum, so this also subtracts code first called after the peak: 1.6 MB of 147 for a cell of
    # the paper's network.
    code = _status_bytes("RssFile") - files_before
    return max(0, _status_bytes("VmHWM") - before - code)


def _status_bytes(field: str) -> int:
    for line in _STATUS.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise AssertionError(f"{_STATUS} has no {field}")


def _cuda_peak(engine: Engine, subject: Subject) -> int:
    import torch

    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    engine.load(subject)()
    return int(torch.cuda.max_memory_allocated() - before)
