"""Sweeps of a few cells: their records, their resumption, and the errors that they survive."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="needs the extra nasasr[latency]")
pytest.importorskip("onnxruntime", reason="needs the extra nasasr[latency]")

from graph_encoding import (
    MACROS,
    TIMIT_MICRO_MACRO,
    Cell,
    Operation,
    Semantics,
    functional_key,
    params,
    register_operation,
)
from graph_encoding.common.errors import UserError
from tests.unit.train_benchmark.latency.helpers import quick_sweep
from train_benchmark.collecting.failure_guard import MAX_ATTEMPTS
from train_benchmark.latency import sweep as sweep_module
from train_benchmark.latency.config import Sweep
from train_benchmark.latency.setting import LatencySetting
from train_benchmark.latency.sweep import MeasuringDiedError, SweepProgress, read_sweep, run_sweep
from train_benchmark.latency.worker import Task, cpu_description, work

ROOT = Path(__file__).parents[4]
FP32, INT8 = "cpu-onnx-fp32-t1-b1-1s", "cpu-onnx-int8-t1-b1-1s"
CELLS = ("10_100_1000", "01_111_2111", "avg_pool3:1_100_1000")
KILLER = "20_200_2000"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sweep of three cells in two settings."""
    folder = tmp_path_factory.mktemp("latency") / "sweep"
    run_sweep(quick_sweep(FP32, INT8, cells=CELLS), folder)
    return folder


def test_every_cell_has_a_record_in_every_setting(done: Path) -> None:
    records = {(r.setting, r.cell): r for r in read_sweep(done)}
    assert set(records) == {(f"timit-micro/{s}", cell) for s in (FP32, INT8) for cell in CELLS}
    for (setting, cell), record in records.items():
        if setting.endswith(INT8) and "avg_pool" in cell:
            assert record.status == "unsupported"
            assert "QLinearAveragePool" in record.error
            continue
        assert record.status == "ok", record.error
        assert 1e-5 < record.latency_s < 1.0
        assert record.repetitions == 6
        assert record.device == cpu_description()
        assert "onnxruntime=" in record.software
        assert record.functional_key == functional_key(Cell.parse(cell), Semantics.PAPER)


def test_memory_and_size_are_those_of_the_model(done: Path) -> None:
    by_setting = {r.setting.split("/")[1]: r for r in read_sweep(done) if r.cell == CELLS[1]}
    exact, rounded = by_setting[FP32], by_setting[INT8]
    assert rounded.model_bytes < 0.6 * exact.model_bytes
    if sys.platform == "linux":
        assert exact.peak_memory_bytes is not None
        # The weights are in it; the 18 MB of the engine's code that they wake are not.
        assert exact.model_bytes < exact.peak_memory_bytes < 10e6


def test_a_finished_sweep_measures_nothing_again(
    done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_sweep(done)
    monkeypatch.setattr(sweep_module, "_Worker", None)  # no process may start
    seen: list[SweepProgress] = []
    run_sweep(quick_sweep(FP32, INT8, cells=CELLS), done, on_progress=seen.append)
    assert [r.to_json() for r in read_sweep(done)] == [r.to_json() for r in before]
    assert [(p.done, p.total, p.new) for p in seen] == [(6, 6, 0)] * 2


def test_another_method_or_reference_is_refused(done: Path) -> None:
    sweep = quick_sweep(FP32, cells=CELLS)
    with pytest.raises(UserError, match="must hold one reference"):
        run_sweep(replace(sweep, reference=Cell.parse("20_200_2000")), done)
    method = sweep.method.model_copy(update={"rounds": 5})
    with pytest.raises(UserError, match="must hold one method"):
        run_sweep(replace(sweep, method=method), done)


def test_a_second_sweep_can_take_the_baselines_of_the_first(done: Path, tmp_path: Path) -> None:
    sweep = quick_sweep(FP32, cells=CELLS[:1])
    out = tmp_path / "second"
    (record,) = run_sweep(sweep, out, baselines_of=done).values()
    (first,) = {r.reference_s for r in read_sweep(done) if r.setting == record.setting}
    assert record.reference_s == first
    with pytest.raises(UserError, match="only a new folder can take"):
        run_sweep(sweep, out, baselines_of=done)
    other = replace(sweep, reference=Cell.parse("20_200_2000"))
    with pytest.raises(UserError, match="must hold one reference"):
        run_sweep(other, tmp_path / "refused", baselines_of=done)
    assert not (tmp_path / "refused").exists()


@pytest.mark.parametrize(
    ("field", "value"), [("device", "another processor"), ("software", "onnxruntime=0.1")]
)
def test_a_baseline_of_another_device_or_software_is_refused(
    done: Path, tmp_path: Path, field: str, value: str
) -> None:
    out, sweep = tmp_path / "sweep", quick_sweep(FP32, cells=(*CELLS, KILLER))
    shutil.copytree(done, out)
    description = json.loads((out / "latency.json").read_text())
    setting = f"timit-micro/{FP32}"
    record = next(r for r in read_sweep(out) if r.setting == setting)
    found = description["measured_with"][setting]
    assert found == {"device": record.device, "software": record.software}
    found[field] = value
    (out / "latency.json").write_text(json.dumps(description))
    before = len(read_sweep(out))
    for folder, baselines_of in ((out, None), (tmp_path / "second", out)):
        with pytest.raises(UserError, match=f"the {field} of its baseline, .*{value}.* here it is"):
            run_sweep(sweep, folder, baselines_of=baselines_of)
    assert len(read_sweep(out)) == before
    assert read_sweep(tmp_path / "second") == ()


@pytest.mark.parametrize("cores", [(4095,), (0, 4095), (-1,)])
def test_cores_must_be_there(tmp_path: Path, cores: tuple[int, ...]) -> None:
    out = tmp_path / "sweep"
    message = rf"cores must be among .*, but {cores[-1]} are not"
    with pytest.raises(UserError, match=message):
        run_sweep(quick_sweep(FP32, cells=CELLS[:1]), out, cores=cores)
    assert not out.exists()


def test_a_device_can_have_a_given_name(done: Path, tmp_path: Path) -> None:
    sweep, out = quick_sweep(FP32, cells=CELLS[:1]), tmp_path / "named"
    (record,) = run_sweep(sweep, out, device="my laptop").values()
    assert record.device == "my laptop"
    more = replace(sweep, cells=tuple(map(Cell.parse, CELLS[:2])))
    for asked, name in ((sweep, "my desk"), (more, "my desk"), (more, None)):
        with pytest.raises(UserError, match=r"must have the device .*'my laptop'"):
            run_sweep(asked, out, device=name)
    with pytest.raises(UserError, match=r"must have the device .*'my laptop'"):
        run_sweep(sweep, done, device="my laptop")
    with pytest.raises(UserError, match="a device must have a name"):
        run_sweep(sweep, tmp_path / "unnamed", device=" ")
    assert not (tmp_path / "unnamed").exists()


def test_a_folder_without_device_and_software_can_be_resumed(done: Path, tmp_path: Path) -> None:
    """Folders of earlier versions lack both."""
    out = tmp_path / "sweep"
    shutil.copytree(done, out)
    description = json.loads((out / "latency.json").read_text())
    del description["measured_with"]
    (out / "latency.json").write_text(json.dumps(description))
    records = run_sweep(quick_sweep(FP32, cells=(*CELLS, KILLER)), out).values()
    assert [r.status for r in records] == ["ok"] * 4
    # The device of the baseline is still unknown.
    assert json.loads((out / "latency.json").read_text()) == description


def test_the_measuring_process_has_the_registered_operations(tmp_path: Path) -> None:
    register_operation(Operation("conv13", "conv", kernel=13))
    MACROS.register("mine", replace(TIMIT_MICRO_MACRO, name="mine", filters=(16, 18, 20, 24)))
    sweep = quick_sweep(FP32, cells=("conv13:1_411_0101",))
    setting = LatencySetting.parse(f"mine/{FP32}")
    (record,) = run_sweep(replace(sweep, settings=(setting,)), tmp_path / "sweep").values()
    assert (record.status, record.setting) == ("ok", f"mine/{FP32}")


def test_torch_is_measured_too(tmp_path: Path) -> None:
    sweep = quick_sweep("cpu-torch-fp32-t1-b1-0.3s", cells=CELLS[:1])
    (record,) = run_sweep(sweep, tmp_path / "torch").values()
    assert (record.status, "torch=" in record.software) == ("ok", True)
    assert record.model_bytes == 4 * params(Cell.parse(CELLS[0]), TIMIT_MICRO_MACRO)


def test_a_missing_gpu_is_a_user_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    sweep = quick_sweep("cuda-torch-fp16-t1-b1-1s", cells=CELLS[:1])
    with pytest.raises(UserError, match="needs a CUDA GPU"):
        run_sweep(sweep, tmp_path / "cuda")


@pytest.mark.parametrize(
    ("threads", "cores", "message"),
    [
        (2, (0,), "has 2 threads for the cores 0; give more --cores or"),
        (2, (0, 0), "has 2 threads for the cores 0; give"),
        (4096, None, "has 4096 threads for the cores "),
    ],
)
def test_more_threads_than_cores_are_refused_before_anything_is_measured(
    tmp_path: Path, threads: int, cores: tuple[int, ...] | None, message: str
) -> None:
    sweep = quick_sweep(FP32, f"cpu-onnx-fp32-t{threads}-b1-1s", cells=CELLS)
    with pytest.raises(UserError, match=f"a core for each thread, .*{message}"):
        run_sweep(sweep, tmp_path / "sweep", cores=cores)
    assert not (tmp_path / "sweep").exists()


def test_a_folder_without_a_sweep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must be a folder that `nasasr latency` wrote"):
        read_sweep(tmp_path)


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with one file per killed process; workers find its path in their environment."""
    folder = tmp_path / "deaths"
    folder.mkdir()
    monkeypatch.setenv("NASASR_TEST_DEATHS", str(folder))
    monkeypatch.setattr(sweep_module, "work", work_and_die)
    return folder


def work_and_die(connection: object, task: Task, scratch: Path) -> None:
    """A worker that the cell `KILLER` kills, as often as an environment variable has it.

    A module-level function, for the spawned process.
    """
    from train_benchmark.latency.engines.engine import OnnxEngine, Run, Subject

    load = OnnxEngine.load
    deaths = Path(os.environ["NASASR_TEST_DEATHS"])
    most = float(os.environ.get("NASASR_TEST_MOST_DEATHS", "inf"))
    worker = os.getpid()  # and not the process that it forks to measure memory

    def deadly(self: OnnxEngine, subject: Subject) -> Run:
        died = len(list(deaths.iterdir()))
        if subject.cell.text == KILLER and os.getpid() == worker and died < most:
            (deaths / str(died)).touch()
            os.kill(worker, signal.SIGKILL)
        return load(self, subject)

    OnnxEngine.load = deadly  # type: ignore[method-assign]
    work(connection, task, scratch)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_cell_that_kills_its_process_is_found_and_the_others_are_measured(
    tmp_path: Path, deaths: Path
) -> None:
    sweep = quick_sweep(FP32, cells=(CELLS[0], KILLER, CELLS[1]))
    records = run_sweep(sweep, tmp_path / "sweep").values()
    assert {r.cell: r.status for r in records} == {
        CELLS[0]: "ok",
        KILLER: "failed",
        CELLS[1]: "ok",
    }
    assert len({(r.device, r.software) for r in records}) == 1
    (lost,) = (r for r in records if r.cell == KILLER)
    assert lost.error == f"its measuring process died {MAX_ATTEMPTS} times"
    # One more than the attempts: next to another cell, it is unclear which one was the cause.
    assert len(list(deaths.iterdir())) == MAX_ATTEMPTS + 1


def test_a_cell_whose_process_was_killed_by_chance_is_measured(
    tmp_path: Path, deaths: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NASASR_TEST_MOST_DEATHS", str(MAX_ATTEMPTS - 1))
    (record,) = run_sweep(quick_sweep(FP32, cells=(KILLER,)), tmp_path / "sweep").values()
    assert (record.status, len(list(deaths.iterdir()))) == ("ok", MAX_ATTEMPTS - 1)


def work_and_fail(connection: object, task: Task, scratch: Path) -> None:
    """A worker that fails on all cells except the reference and `KILLER`."""
    from train_benchmark.latency.engines.engine import OnnxEngine, Subject

    prepare = OnnxEngine.prepare

    def failing(self: OnnxEngine, subject: Subject) -> int:
        if subject.cell not in (task.reference, Cell.parse(KILLER)):
            raise RuntimeError("the machine is faulty")
        return prepare(self, subject)

    OnnxEngine.prepare = failing  # type: ignore[method-assign]
    work(connection, task, scratch)  # type: ignore[arg-type]


def test_a_machine_that_fails_on_every_cell_leaves_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_module, "work", work_and_fail)
    others = ("30_500_2110", "10_110_1011", "00_100_1000")
    with pytest.raises(MeasuringDiedError, match="the machine is faulty"):
        run_sweep(quick_sweep(FP32, cells=(*CELLS, *others)), tmp_path / "sweep")
    assert read_sweep(tmp_path / "sweep") == ()
    # If one of the cells can be measured, the machine is not the cause.
    sweep = quick_sweep(FP32, cells=(*CELLS, KILLER))
    records = run_sweep(sweep, tmp_path / "sweep").values()
    assert sorted(r.status for r in records) == ["failed", "failed", "failed", "ok"]


def test_failed_cells_are_measured_again_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep, out = quick_sweep(FP32, cells=(*CELLS[:2], KILLER)), tmp_path / "sweep"
    seen: list[tuple[int, int, int]] = []

    def statuses(*, retry_failed: bool) -> list[str]:
        records = run_sweep(
            sweep,
            out,
            retry_failed=retry_failed,
            on_progress=lambda p: seen.append((p.done, p.total, p.new)),
        )
        return [record.status for record in records.values()]

    with monkeypatch.context() as ill:
        ill.setattr(sweep_module, "work", work_and_fail)
        assert statuses(retry_failed=False) == ["failed", "failed", "ok"]
        seen.clear()
        assert statuses(retry_failed=True) == ["failed", "failed", "ok"]
        assert seen == [(1, 3, 0), (2, 3, 0), (3, 3, 0)]
    assert statuses(retry_failed=False) == ["failed", "failed", "ok"]
    seen.clear()
    assert statuses(retry_failed=True) == ["ok", "ok", "ok"]
    assert seen == [(1, 3, 0), (2, 3, 1), (3, 3, 2)]
    assert [record.status for record in read_sweep(out)] == ["ok"] * 3


@pytest.mark.usefixtures("deaths")
def test_a_reference_that_kills_its_process_ends_the_sweep(tmp_path: Path) -> None:
    sweep = replace(quick_sweep(FP32, cells=CELLS[:1]), reference=Cell.parse(KILLER))
    with pytest.raises(MeasuringDiedError, match="killed while running the reference cell"):
        run_sweep(sweep, tmp_path / "sweep")


@pytest.mark.slow
def test_a_killed_sweep_can_be_resumed(tmp_path: Path) -> None:
    config, out = tmp_path / "config.toml", tmp_path / "sweep"
    text = (ROOT / "configs/latency/example.toml").read_text()
    text = text.replace(f', "{INT8}"', "").replace("cells_at_a_time = 12", "cells_at_a_time = 1")
    config.write_text(text.replace("baseline_seconds = 1", "baseline_seconds = 0"))
    program = "import sys; from surrogate.cli import main; main(sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "latency", str(config), "--out", str(out)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    journal = out / "journal.jsonl"
    deadline = time.monotonic() + 300
    while not (journal.exists() and journal.read_bytes().count(b"\n") >= 2):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    kept = {r.identity: r.to_json() for r in read_sweep(out)}
    assert 2 <= len(kept) < 12
    records = run_sweep(Sweep.load(config), out)
    assert len(records) == 12
    assert all(records[identity].to_json() == text for identity, text in kept.items())
    assert {r.reference_s for r in records.values()} == {next(iter(records.values())).reference_s}
