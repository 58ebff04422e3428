"""`nasasr demo`, `corpus` and `table noise` from end to end, on a very small corpus."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding.common.errors import UserError
from surrogate.cli import main
from surrogate.cli.commands import demo as demo_command
from surrogate.testing.synthetic import synthetic_table
from train_benchmark.table.benchmark_table import BenchmarkTable

ROOT = Path(__file__).parents[2]


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return int(stop.value.code or 0), captured.out, captured.err


@pytest.fixture(scope="module")
def small_configs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped demo, cut to 16 utterances, one epoch and 16 cells with two seeds."""
    folder = tmp_path_factory.mktemp("configs")
    texts = {
        "train.toml": (ROOT / "configs/train/timit-micro.toml").read_text(),
        "corpus.toml": (ROOT / "configs/corpus/demo.toml").read_text().split("[split]")[0],
        "demo.toml": (ROOT / "configs/campaign/demo.toml").read_text(),
    }
    changes = {
        "epochs = 20": "epochs = 1",
        "speakers = 16": "speakers = 8",
        "sentences_per_speaker = 6": "sentences_per_speaker = 2",
        "../train/timit-micro.toml": "train.toml",
        "../corpus/demo.toml": "corpus.toml",
        "seeds = [1234]": "seeds = [1234, 1235]",
        "count = 24": "count = 16",
    }
    texts["corpus.toml"] += '[split]\ntrain = ["*"]\nval = ["faad0"]\ntest = ["faah0"]\n'
    for name, text in texts.items():
        changed = text
        for old, new in changes.items():
            changed = changed.replace(old, new)
        (folder / name).write_text(changed)
    return folder


@pytest.fixture(autouse=True)
def quick_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few small trees in place of 8 times 300, which the demo's other steps do not depend on."""
    monkeypatch.setattr(demo_command, "_SETTINGS", {"members": 2, "rounds": 20})


@pytest.mark.slow
def test_the_demo_goes_the_whole_way(
    small_configs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("demo", small_configs / "demo.toml", "--out", tmp_path / "demo", "--workers", 1)
    code, out, err = call(capsys, *arguments, "--format", "json")
    assert code == 0, err
    answer = json.loads(out)
    assert len(answer["cells"]) == answer["summary"]["cells"] == 16
    for row in answer["cells"]:
        assert row["low"] <= row["forecast_val_per"] <= row["high"]
        assert 0 < row["measured_val_per"] < 2
    assert 0 <= answer["summary"]["coverage"] <= 1
    # Again: everything is there, so it only fits.
    again = call(capsys, *arguments, "--format", "json")
    assert json.loads(again[1]) == answer

    # With another cell, everything is of all cells.
    grown = small_configs / "grown.toml"
    grown.write_text((small_configs / "demo.toml").read_text().replace("count = 16", "count = 17"))
    arguments = ("demo", grown, *arguments[2:])
    code, out, err = call(capsys, *arguments, "--format", "json")
    assert (code, json.loads(out)["summary"]["cells"]) == (0, 17), err
    corpus = small_configs / "corpus.toml"
    text = corpus.read_text()
    corpus.write_text(text.replace("words_max = 4", "words_max = 3"))
    code, _, err = call(capsys, *arguments)
    corpus.write_text(text)
    assert (code, "must be made of" in err) == (2, True)

    code, out, _ = call(capsys, "table", "noise", tmp_path / "demo/table", "--format", "json")
    assert code == 0
    assert {row["cells"] for row in json.loads(out)} == {17}
    code, out, _ = call(capsys, "corpus", "check", tmp_path / "demo/corpus", "--format", "json")
    assert (code, json.loads(out)["utterances"]) == (0, 16)


@pytest.mark.parametrize(
    ("arguments", "config", "out"),
    [
        ((), "configs/campaign/demo.toml", "nasasr-demo"),
        (("synth-micro", "--out", "mine"), "configs/campaign/synth-micro.toml", "mine"),
    ],
)
def test_a_demo_says_what_it_takes_and_where_it_writes(
    arguments: tuple[str, ...],
    config: str,
    out: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = []

    def stop(*given: object) -> None:
        asked.append(given)
        raise UserError("far enough")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo_command, "_measure", stop)
    code, _, err = call(capsys, "demo", *arguments)
    assert (code, asked) == (2, [(ROOT / config, Path(out), 2)])
    assert f"demo of {ROOT / config} in {out}\n" in err


def test_intervals_hold_collapsed_cells() -> None:
    """A fit takes all error rates from .99 on for one value."""
    table = synthetic_table(40)
    failed = {key for key in table.keys if "conv7d2" in key}
    records = [
        replace(record, val_per_curve=(1.2,) * 6) if record.functional_key in failed else record
        for record in table.records
    ]
    whole = BenchmarkTable(table.metadata, tuple(records))
    fit = demo_command._held_out(whole)
    rows: list[dict[str, Any]] = [dict(row) for row in demo_command._rows(whole, fit)]
    assert [row["measured_val_per"] for row in rows] == sorted(fit.measured)
    assert 10 < sum(row["measured_val_per"] > 1 for row in rows) < 30
    assert all(row["low"] <= row["forecast_val_per"] <= row["high"] <= 1 for row in rows)
    assert float(str(demo_command._summary(fit)["coverage"])) > 0.8
    collapsed = fit.measured > 1
    assert (fit.high[0][collapsed] == 1).all()
    assert (fit.high[0][~collapsed] < 1).any()


def test_corpus_check_fails_on_a_damaged_corpus(
    small_configs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = tmp_path / "corpus"
    code, _, err = call(capsys, "corpus", "make", small_configs / "corpus.toml", "--out", corpus)
    assert (code, "16 utterances of 8 speakers" in err) == (0, True)
    next(corpus.rglob("*.PHN")).write_text("")
    code, out, _ = call(capsys, "corpus", "check", corpus)
    assert code == 1
    assert "problem: " in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("corpus", "check", "{tmp}/nowhere"), "does not exist"),
        (("corpus", "make", "{configs}/train.toml", "--out", "{tmp}/c"), "unknown key"),
        (("collect", "{configs}/nothing.toml", "--corpus", "x", "--out", "{tmp}/c"), "cannot read"),
        (("collect", "{configs}/demo.toml", "--corpus", "{tmp}", "--out", "{tmp}/c"), "no .PHN"),
        (("table", "noise", "{tmp}"), "there is no table"),
        (("table", "build", "{tmp}", "--out", "{tmp}/t"), "must be a campaign folder"),
    ],
)
def test_wrong_input_is_a_message_and_exit_code_2(
    small_configs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    words = [a.format(tmp=tmp_path, configs=small_configs) for a in arguments]
    code, out, err = call(capsys, *words)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert not any((tmp_path / name).exists() for name in ("c", "t"))
