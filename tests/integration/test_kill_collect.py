"""A campaign of 200 cells whose process is killed ten times at random."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graph_encoding.engines.local import LocalEngine
from tests.integration.test_collect import ROOT, config, corpus, results  # noqa: F401
from train_benchmark.collecting.campaign import collect
from train_benchmark.collecting.plan import Campaign
from train_benchmark.record_files.folder_kinds import read_store
from train_benchmark.table.build import build_table

CELLS = 200
KILLS = 10


@pytest.mark.slow
def test_ten_kills_lose_nothing_and_double_nothing(
    corpus: Path,  # noqa: F811
    config: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    text = config.read_text()
    head = text[: text.index("seeds")].replace('= "', f'= "{config.parent}/')
    many = tmp_path / "many.toml"
    many.write_text(f'{head}seeds = [1]\n[cells]\nkind = "sample"\ncount = {CELLS}\nseed = 3\n')
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "surrogate.cli", "collect", str(many)]
    command += ["--corpus", str(corpus), "--out", str(out), "--workers", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    chance = random.Random(0)
    kept: dict[tuple[str, int], tuple[object, ...]] = {}
    for kill in range(KILLS):
        # Soon enough that ten kills come before the end, in the midst of a training or not.
        wanted = len(kept) + chance.randint(0, CELLS // 40)
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        while process.poll() is None and len(read_store(out)) < wanted:
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.1))  # a training of this test takes some 0.05 s
        assert process.poll() is None, f"the campaign ended before kill {kill + 1}"
        process.send_signal(signal.SIGKILL)
        process.wait()
        after = results(out) if (out / "campaign.json").exists() else {}
        assert kept.items() <= after.items()
        kept = after
    subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)
    undisturbed = tmp_path / "undisturbed"
    collect(Campaign.load(many), corpus, undisturbed, engine=LocalEngine(1))
    assert len(read_store(out)) == CELLS
    assert results(out) == results(undisturbed)
    tables = [
        build_table(folder, tmp_path / f"table-{folder.name}") for folder in (out, undisturbed)
    ]
    assert tables[0].keys == tables[1].keys
