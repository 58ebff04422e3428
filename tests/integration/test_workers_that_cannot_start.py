"""Workers that cannot start: a message that says so, and no cell that is blamed for it."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding import Cell, UserError
from graph_encoding.engines import local, ray_cluster
from graph_encoding.engines.engine import Engine
from graph_encoding.engines.local import LocalEngine
from tests.integration.test_training import RECIPE, tone_utterance
from train_benchmark.collecting import trainings
from train_benchmark.collecting.plan import Job
from train_benchmark.collecting.trainings import train_all
from train_benchmark.features.prepared import PreparedCorpus
from train_benchmark.record import TrainingRecord

ROOT = Path(__file__).parents[2]
# Fewer than the failed ones in a row by which a machine is known to be faulty.
JOBS = [Job(Cell.parse(text), 1) for text in ("10_100_1000", "01_310_2011")]
TRAIN_SCRIPT = """
from tests.integration.test_workers_that_cannot_start import train
{guard}train()
"""
SWEEP_SCRIPT = """
import sys
from pathlib import Path
from tests.unit.train_benchmark.latency.helpers import quick_sweep
from train_benchmark.latency.sweep import run_sweep
{guard}run_sweep(quick_sweep("cpu-onnx-fp32-t1-b1-1s", cells=("10_100_1000",)), Path(sys.argv[1]))
"""


def few_utterances() -> PreparedCorpus:
    rng = np.random.default_rng(0)
    few = tuple(tone_utterance(f"u{i}", (1, 2), rng) for i in range(3))
    return PreparedCorpus.single("fingerprint", few[:1], few[1:2], few[2:])


def train(engine: Engine | None = None, records: list[TrainingRecord] | None = None) -> None:
    """Train two cells for an epoch."""
    recipe = RECIPE.model_copy(update={"train": RECIPE.train.model_copy(update={"epochs": 1})})
    found = [] if records is None else records
    running = train_all(engine or LocalEngine(2), JOBS, recipe, few_utterances())
    for record in running:
        found.append(record)  # kept where the run ends with an error
    print(len(found), "records")  # noqa: T201 -- what a script's reader looks for


def run_script(tmp_path: Path, text: str) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "script.py"
    script.write_text(text)
    return subprocess.run(
        [sys.executable, script, tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.slow
def test_a_script_that_trains_without_a_guard_ends_with_a_message(tmp_path: Path) -> None:
    done = run_script(tmp_path, TRAIN_SCRIPT.format(guard=""))
    assert done.returncode == 1
    assert "UserError: a worker must start before it works, but none did" in done.stderr
    assert "if __name__ == '__main__'" in done.stderr
    assert "records" not in done.stdout
    guarded = run_script(tmp_path, TRAIN_SCRIPT.format(guard="if __name__ == '__main__': "))
    assert guarded.stdout == "2 records\n", guarded.stderr


@pytest.mark.slow
def test_a_script_whose_imports_fail_in_workers_ends_with_a_message(tmp_path: Path) -> None:
    guarded = TRAIN_SCRIPT.format(guard="if __name__ == '__main__': ")
    missing = "if __name__ == '__mp_main__': import not_there\n"
    done = run_script(tmp_path, missing + guarded)
    assert done.returncode == 1
    assert "No module named 'not_there'" in done.stderr
    assert "UserError: a worker must start before it works, but none did" in done.stderr


@pytest.mark.slow
def test_a_sweep_without_a_guard_ends_with_a_message(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra nasasr[latency]")
    from train_benchmark.latency.sweep import read_sweep

    done = run_script(tmp_path, SWEEP_SCRIPT.format(guard=""))
    assert done.returncode == 1
    assert "UserError: setting timit-micro/cpu-onnx-fp32-t1-b1-1s: the measuring" in done.stderr
    assert "ended with exit code 1" in done.stderr
    assert read_sweep(tmp_path / "out") == ()


def work_on_a_full_disk(connection: object, task: object, scratch: Path) -> None:
    """A worker that can write the reference's model and no other."""
    from train_benchmark.latency.engines.engine import OnnxEngine, Subject
    from train_benchmark.latency.worker import work

    write = OnnxEngine.prepare

    def full(self: OnnxEngine, subject: Subject) -> int:
        if subject.cell != task.reference:  # type: ignore[attr-defined]
            raise OSError(28, "No space left on device", str(subject.path))
        return write(self, subject)

    OnnxEngine.prepare = full  # type: ignore[method-assign]
    work(connection, task, scratch)  # type: ignore[arg-type]


def test_a_full_disk_is_no_cells_doing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra nasasr[latency]")
    from tests.unit.train_benchmark.latency.helpers import quick_sweep
    from train_benchmark.latency import sweep

    monkeypatch.setattr(sweep, "work", work_on_a_full_disk)
    with pytest.raises(UserError, match=r"must have room for its models.*No space left on device"):
        sweep.run_sweep(
            quick_sweep("cpu-onnx-fp32-t1-b1-1s", cells=("10_100_1000",)), tmp_path / "out"
        )
    assert sweep.read_sweep(tmp_path / "out") == ()


def killed_at_start(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class NoGpuTrainer(trainings._Trainer):
    """Cannot be set up as a worker."""

    def __call__(self, number: int) -> NoReturn:
        del number
        raise RuntimeError("no GPU")


def test_workers_that_are_killed_at_their_start_leave_no_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(local, "_start_worker", killed_at_start)
    records: list[TrainingRecord] = []
    with pytest.raises(UserError, match="but none did, and nothing new was made"):
        train(LocalEngine(2), records)
    assert records == []


def test_workers_that_cannot_be_set_up_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainings, "_Trainer", NoGpuTrainer)
    records: list[TrainingRecord] = []
    with pytest.raises(UserError, match="a worker could not start: RuntimeError: no GPU"):
        train(LocalEngine(2), records)
    assert records == []


def test_features_that_do_not_fit_on_the_disk_are_an_error() -> None:
    resource = pytest.importorskip("resource", reason="file sizes are limited on Unix alone")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(UserError, match="cannot write what workers are given"):
            train(LocalEngine(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


MISMATCH = "Version mismatch: The cluster was started with:\n    Ray: 2.60.0\nThis process: 2.59.0"


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        ("head:6391", RuntimeError(MISMATCH), r"same releases of Ray and Python, .* Ray: 2\.60\.0"),
        ("ray://head:1", RuntimeError("Python version mismatch"), "same releases"),
        ("auto", ConnectionError("no cluster"), "--address must be that of .*'auto': no cluster"),
        ("auto", TimeoutError("timed out"), "--address must be that of .*: timed out"),
        ("a b", ValueError("malformed"), "--address must be that of .*'a b': malformed"),
        ("local", RuntimeError("no node"), "could not be started on this machine: no node"),
        ("local", Exception("timed out"), "could not be started on this machine: timed out"),
        ("local", OSError("disk full"), "could not be started on this machine: disk full"),
    ],
)
def test_whatever_keeps_ray_from_connecting_is_a_message(
    monkeypatch: pytest.MonkeyPatch, address: str, error: Exception, message: str
) -> None:
    shut_down: list[bool] = []

    def init(**_: object) -> None:
        raise error

    made_up = SimpleNamespace(
        init=init, is_initialized=lambda: False, shutdown=lambda: shut_down.append(True)
    )
    monkeypatch.setattr(ray_cluster, "_import_ray", lambda: made_up)
    records: list[TrainingRecord] = []
    with pytest.raises(UserError, match=message) as caught:
        train(ray_cluster.RayEngine(address, 1), records)
    assert "\n" not in str(caught.value)
    assert (records, shut_down) == ([], [True])


def set_up_without_a_package(shared: object) -> None:
    del shared
    raise ModuleNotFoundError("No module named 'not_there'")


@pytest.mark.parametrize(
    ("set_up", "message"),
    [(set_up_without_a_package, "not_there"), (killed_at_start, "worker")],
)
@pytest.mark.slow
def test_ray_workers_that_cannot_start_leave_no_record(
    monkeypatch: pytest.MonkeyPatch, set_up: object, message: str
) -> None:
    pytest.importorskip("ray", reason="needs the ray extra: pip install 'nasasr[ray]'")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setattr(ray_cluster, "_start_worker", set_up)
    records: list[TrainingRecord] = []
    with pytest.raises(UserError, match=f"must start before it works, but none could.*{message}"):
        train(ray_cluster.RayEngine("local", 1), records)
    assert records == []
