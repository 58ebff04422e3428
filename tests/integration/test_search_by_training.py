"""`nasasr search --evaluator train` on a synthetic corpus: killed and resumed to the same bytes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from tests.integration.test_collect import ROOT, config, corpus  # noqa: F401
from train_benchmark.record_files.folder_kinds import read_store

BUDGET = 6


def command(config: Path, corpus: Path, out: Path, workers: int = 1) -> list[str]:  # noqa: F811
    options = {
        "--evaluator": "train",
        "--searcher": "evolution",
        "--campaign": config,
        "--corpus": corpus,
        "--workers": workers,
        "--budget": BUDGET,
        "--batch": BUDGET,
        "--out": out,
    }
    words = [str(word) for pair in options.items() for word in pair]
    return [sys.executable, "-m", "surrogate.cli", "search", *words]


@pytest.mark.slow
def test_a_search_that_was_killed_reuses_its_trainings_and_ends_with_the_same_bytes(
    corpus: Path,  # noqa: F811
    config: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    out, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.Popen(
        command(config, corpus, out), env=environment, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 240
    journal = out / "campaign" / "journal.jsonl"
    # Records exist that the history does not have.
    while not (journal.exists() and journal.read_bytes().count(b"\n")):
        assert process.poll() is None, "the search ended before it was killed"
        assert time.monotonic() < deadline, "no training ended in time"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = read_store(out / "campaign")
    assert 0 < len(before) < BUDGET
    # A record is written before its evaluation.
    assert len((out / "history.jsonl").read_text().splitlines()) <= 1 + len(before)

    for folder, workers in ((out, 1), (whole, 2)):
        subprocess.run(
            command(config, corpus, folder, workers),
            env=environment,
            check=True,
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    after = read_store(out / "campaign")
    # Times of training show that a record was kept and not made again.
    assert before.items() <= after.items() and len(after) == BUDGET
    for name in ("history.jsonl", "result.json"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()
    result = json.loads((out / "result.json").read_text())
    assert result["trainings"] == BUDGET and result["source"].startswith("trainings by recipe ")
