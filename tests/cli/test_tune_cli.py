"""`nasasr tune` from outside: what it prints and writes, and that it may be stopped."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="needs the extra predictors")

from graph_encoding.interop.graph_file import GraphRow, write_graphs
from surrogate.data.source_config import SourceConfig
from surrogate.fitting.config import load_fit_config
from surrogate.testing.synthetic import synthetic_dataset
from surrogate.tuning import TuneConfig, load_tune_config
from surrogate.tuning.study import JOURNAL_FILE, run_study
from tests.cli.conftest import Run

SHIPPED = sorted((Path(__file__).parents[2] / "configs" / "tune").glob("*.toml"))

TOML = """
name = "study"
predictor = "ridge"
target = "per"
train_keys = 40
trials = {trials}

[source]
graphs = "graphs.jsonl"
direction = "minimise"

[space.columns]
choices = ["counts", "statistics"]
"""


@pytest.fixture
def config(tmp_path: Path) -> Callable[[int], Path]:
    """Writes a configuration of so many trials beside its graphs."""
    data = synthetic_dataset(60)
    rows = zip(data.graphs, data.values.tolist(), strict=True)
    write_graphs(tmp_path / "graphs.jsonl", [GraphRow(g, {"per": y}, {}) for g, y in rows])

    def write(trials: int) -> Path:
        file = tmp_path / "tune.toml"
        file.write_text(TOML.format(trials=trials))
        return file

    return write


def ended(config: TuneConfig, out: Path) -> int:
    """Trials of a study that were judged."""
    study = run_study(config.model_copy(update={"trials": 1}), out)
    return sum(trial.state.name in ("COMPLETE", "PRUNED") for trial in study.trials)


def test_json_is_what_the_folder_keeps(
    run: Run, config: Callable[[int], Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code, told, error = run("tune", config(3), "--out", out, "--format", "json")
    assert code == 0, error
    summary = json.loads(told)
    assert summary == json.loads((out / "summary.json").read_text())
    assert summary["complete"] + summary["pruned"] == 3
    assert summary["config_hash"] == load_tune_config(config(3)).hash
    assert str(out / "best.toml") in error
    assert load_fit_config(out / "best.toml").predictor == "ridge"
    assert sorted(p.name for p in out.iterdir()) == ["best.toml", JOURNAL_FILE, "summary.json"]


def test_the_table_names_each_setting_and_the_counts(
    run: Run, config: Callable[[int], Path], tmp_path: Path
) -> None:
    code, told, error = run("tune", config(2), "--out", tmp_path / "out")
    assert code == 0, error
    lines = told.splitlines()
    assert lines[0].split()[:3] == ["setting", "default", "best"]
    assert lines[1].split()[:2] == ["columns", "counts"]
    assert lines[-1] == "confirmation: 20 keys that the search did not see"
    counts = dict(zip(lines[-4].split(), lines[-3].split(), strict=True))
    assert counts["keys"] == "40"
    assert int(counts["complete"]) + int(counts["pruned"]) == 2


def test_optuna_speaks_under_debug_only(
    run: Run, config: Callable[[int], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert run("tune", config(1), "--out", tmp_path / "quiet")[0] == 0
    assert caplog.text == ""
    assert run("--debug", "tune", config(1), "--out", tmp_path / "out")[0] == 0
    assert "Trial 0 finished" in caplog.text


def test_ctrl_c_in_the_confirmation_says_how_to_go_on(
    run: Run, config: Callable[[int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("surrogate.tuning.summary.confirm", stopped)
    code, told, error = run("tune", config(1), "--out", tmp_path / "out")
    assert (code, told) == (130, "")
    assert "trials 1/1" in error
    assert f"Resume with --out {tmp_path / 'out'}" in error


def test_mistakes_end_with_2_and_a_remedy(
    run: Run, config: Callable[[int], Path], tmp_path: Path
) -> None:
    file = config(1)
    file.write_text(file.read_text().replace("columns", "colours"))
    code, _, error = run("tune", file, "--out", tmp_path / "out")
    assert code == 2
    assert "no setting 'colours'; it has columns" in error
    code, _, error = run("tune", config(1), "--out", file)
    assert code == 2
    assert "choose another --out" in error
    file.write_text(TOML.format(trials=1).replace("train_keys", "training_keys"))
    code, _, error = run("tune", file, "--out", tmp_path / "out")
    assert code == 2
    assert "unknown key 'training_keys'" in error


def test_a_missing_package_is_named_with_its_extra(
    run: Run, config: Callable[[int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    code, _, error = run("tune", config(1), "--out", tmp_path / "out")
    assert code == 2
    assert "nasasr[predictors]" in error


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_shipped_configurations_are_sound(file: Path) -> None:
    chosen = load_tune_config(file)
    assert isinstance(chosen.source, SourceConfig)
    assert chosen.name == file.stem
    assert chosen.train_keys is not None


# Whoever runs the tests in the background may have them ignore Ctrl-C, and children inherit that.
INTERRUPTIBLE = (
    "import signal, sys\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from surrogate.cli import main\n"
    "main(sys.argv[1:])\n"
)


def started(file: Path, out: Path, workers: int) -> "subprocess.Popen[bytes]":
    """A search in a group of its own, once three trials have ended."""
    command = [sys.executable, "-c", INTERRUPTIBLE, "tune", str(file), "--out", str(out)]
    process = subprocess.Popen(
        [*command, "--workers", str(workers)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    judged = 0
    while judged < 4:  # a trial is judged before it has ended
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
        judged = judged_trials(out / JOURNAL_FILE)
    return process


def judged_trials(journal: Path) -> int:
    """Number of judged trials in the whole lines of a journal."""
    lines = journal.read_text().split("\n")[:-1] if journal.exists() else []
    return sum('"fold_taus"' in line for line in lines)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_ctrl_c_keeps_what_has_ended(
    config: Callable[[int], Path], tmp_path: Path, workers: int
) -> None:
    out = tmp_path / "out"
    process = started(config(100_000), out, workers)
    os.killpg(process.pid, signal.SIGINT)
    told, error = process.communicate(timeout=300)
    assert process.returncode == 130, error
    assert told == b""
    assert b"Resume with --out" in error
    assert b"Traceback" not in error
    journal = (out / JOURNAL_FILE).read_text()
    time.sleep(0.5)
    assert (out / JOURNAL_FILE).read_text() == journal  # nobody goes on
    kept = ended(load_tune_config(config(1)), out)
    assert kept >= 3
    again = load_tune_config(config(kept + 2))
    run_study(again, out)
    assert ended(again, out) == kept + 2


def test_a_killed_search_is_gone_on_with(config: Callable[[int], Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = started(config(100_000), out, workers=1)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    for left in out.glob("*.lock"):
        left.unlink()  # held at that moment; optuna itself waits half a minute for its holder
    kept = ended(load_tune_config(config(1)), out)
    assert kept >= 3
    again = load_tune_config(config(kept + 2))
    run_study(again, out)
    assert ended(again, out) == kept + 2


@pytest.mark.parametrize(
    ("workers", "message"),
    [
        (1, "cannot write study folder {out}: "),
        pytest.param(2, "cannot write what workers are given, ", marks=pytest.mark.slow),
    ],
)
def test_a_full_disk_is_a_message_and_the_search_goes_on_when_there_is_room(
    config: Callable[[int], Path], tmp_path: Path, workers: int, message: str
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "surrogate.cli", "tune", str(config(4)), "--out", str(out)]
    command += ["--workers", str(workers)]
    # A limit on the size of files stands for the disk's: a write over it ends within a line.
    limited = f"ulimit -f 4; exec {shlex.join(command)}"
    done = subprocess.run(["/bin/bash", "-c", limited], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert f"error: {message.format(out=out)}" in done.stderr
    assert "Traceback" not in done.stderr
    cut = (out / JOURNAL_FILE).read_bytes()
    whole = cut[: cut.rfind(b"\n") + 1]
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert (out / JOURNAL_FILE).read_bytes().startswith(whole)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["complete"] + summary["pruned"] == 4


def test_a_journal_that_ends_in_half_a_line_is_gone_on_with(
    run: Run, config: Callable[[int], Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert run("tune", config(2), "--out", out)[0] == 0
    journal = out / JOURNAL_FILE
    content = journal.read_bytes()
    journal.write_bytes(content + content[:-1].rsplit(b"\n")[-1][:30])
    # The second run reads what the first one appended.
    for trials in (3, 4):
        code, _, error = run("tune", config(trials), "--out", out)
        assert code == 0, error
        assert journal.read_bytes().startswith(content)
        summary = json.loads((out / "summary.json").read_text())
        assert summary["complete"] + summary["pruned"] == trials
