"""`nasasr space` and `nasasr cell` from outside."""

import csv
import errno
import io
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graph_encoding import CellSpace
from tests.cli.conftest import Run

FIELDS = [
    "cell",
    "semantics",
    "functional_key",
    "published_hash",
    "released_params",
    "released_flops",
    "dead",
    "macro",
    "params",
    "input_seconds",
    "macs",
    "peak_activation_bytes",
    "receptive_field_s",
    "equivalent_points",
]


def answer(run: Run, *arguments: object) -> list[dict[str, object]]:
    code, out, err = run(*arguments, "--format", "json")
    assert (code, err) == (0, "")
    found: list[dict[str, object]] = json.loads(out)
    return found


@pytest.mark.parametrize(
    ("semantics", "functions", "dead"), [("paper", 8923, 12), ("released", 2099, 8)]
)
def test_the_standard_space_is_counted(run: Run, semantics: str, functions: int, dead: int) -> None:
    code, out, err = run("space", "--semantics", semantics, "--format", "json")
    facts = json.loads(out)
    assert (code, err) == (0, "")
    assert (facts["points"], facts["functions"], facts["dead_functions"]) == (
        13_824,
        functions,
        dead,
    )
    assert sum(int(size) * n for size, n in facts["function_sizes"].items()) == 13_824
    assert facts["published_classes"] == 8242
    assert facts["published_class_sizes"] == {
        "1": 8000,
        "4": 10,
        "8": 20,
        "12": 200,
        "160": 10,
        "812": 2,
    }
    assert facts["not_counted"] is None


def test_another_space_has_no_published_classes(run: Run) -> None:
    facts = json.loads(run("space", "--nodes", "1", "--ops", "conv3, zero", "--format", "json")[1])
    # conv3(x), conv3(x) + x, 0 and x.
    assert (facts["points"], facts["functions"], facts["dead_functions"]) == (4, 4, 1)
    assert facts["published_classes"] is None


def test_a_space_too_large_to_count_says_so_at_once(run: Run) -> None:
    code, out, _ = run("space", "--nodes", "6", "--format", "json")
    facts = json.loads(out)
    assert code == 0
    assert facts["points"] == 6**6 * 2**21
    assert facts["functions"] is facts["dead_functions"] is None
    assert "at most 2,000,000 points" in facts["not_counted"]


def test_a_longer_count_is_announced_on_stderr(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("surrogate.cli.commands.space._QUICK", 3)
    code, _, err = run("space", "--nodes", "1", "--ops", "conv3,zero")
    assert (code, err) == (0, "counting the functions of 4 points\n")


def test_the_largest_space_has_a_size_that_can_be_printed(run: Run) -> None:
    code, out, _ = run("space", "--nodes", "100", "--format", "json")
    assert (code, json.loads(out)["points"]) == (0, 6**100 * 2**5050)


def test_ctrl_c_in_a_count_is_reported(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("graph_encoding.description.functional_key", stopped)
    code, out, err = run("space", "--nodes", "2")
    assert (code, out) == (130, "")
    assert err.startswith("stopped; ")


def test_space_as_a_table(run: Run) -> None:
    lines = [line.split() for line in run("space", "--nodes", "2")[1].splitlines()]
    assert lines[0] == ["property", "value"]
    assert ["ops", "linear,", "conv5,", "conv5d2,", "conv7,", "conv7d2,", "zero"] in lines
    assert ["published_classes", "-"] in lines


def test_a_cell_is_described(run: Run) -> None:
    (row,) = answer(run, "cell", "10_100_1000")
    assert list(row) == FIELDS
    assert row["functional_key"] == "1=conv5(x);2=conv5(1);3=conv5(2);y=3"
    # Known answers of the original: SamsungLabs/nb-asr v1.1.0.
    assert row["published_hash"] == "36855332a5778e0df5114305bc3ce238"
    assert row["released_params"] == 26_338_848
    # One output more than was counted in print.
    assert row["params"] == 26_338_848 + 501
    assert (row["input_seconds"], row["dead"], row["equivalent_points"]) == (1.0, False, 1)


def test_options_choose_reading_network_and_length(run: Run) -> None:
    (paper,) = answer(run, "cell", "20_200_2000", "--macro", "timit-micro", "--seconds", "2")
    (released,) = answer(run, "cell", "20_200_2000", "--semantics", "released")
    (short,) = answer(run, "cell", "20_200_2000", "--macro", "timit-micro")
    assert (paper["macro"], paper["input_seconds"]) == ("timit-micro", 2.0)
    assert released["functional_key"] != paper["functional_key"]
    assert paper["macs"] == 2 * int(str(short["macs"]))
    assert paper["params"] == short["params"]


def test_what_only_standard_cells_have_is_null_for_others(run: Run) -> None:
    rows = answer(run, "cell", "conv3:0", "10_100", "10_100_1000_10000")
    for row in rows:
        names = ("published_hash", "released_params", "released_flops")
        assert [row[name] for name in names] == [None] * 3
        assert row["params"] > 0  # type: ignore[operator]
    # A cell of two nodes is computed by points of three: one of them is zero, or ignored.
    assert rows[0]["equivalent_points"] == 0
    assert rows[1]["equivalent_points"] > 0  # type: ignore[operator]


def test_equivalent_points_are_listed_on_demand(run: Run) -> None:
    (row,) = answer(run, "cell", "00_510_1010", "--list-equivalent")
    assert row["equivalent"] == ["10_510_0010", "00_510_1010"]
    assert row["equivalent_points"] == 2
    out = run("cell", "00_510_1010", "--list-equivalent", "--format", "csv")[1]
    (line,) = csv.DictReader(io.StringIO(out))
    assert line["equivalent"] == "10_510_0010 00_510_1010"


def test_a_table_has_a_block_for_each_cell(run: Run) -> None:
    blocks = run("cell", "10_100_1000", "conv3:0")[1].split("\n\n")
    assert len(blocks) == 2
    assert [line.split()[0] for line in blocks[1].splitlines()] == ["property", *FIELDS]
    assert "published_hash         -" in blocks[1]


def test_cells_come_from_a_file_and_from_stdin(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "# all\n10_100_1000  # a comment\n\n  conv3:0\n"
    (tmp_path / "cells").write_text(text)
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    expected = ["10_100_1000", "conv3:0"]
    assert [row["cell"] for row in answer(run, "cell", "--cells", tmp_path / "cells")] == expected
    assert [row["cell"] for row in answer(run, "cell", "--cells", "-")] == expected
    marked = "\ufeff10_100_1000\nconv3:0\n"
    (tmp_path / "marked").write_text(marked, encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", io.StringIO(marked))
    for source in (tmp_path / "marked", "-"):
        assert [row["cell"] for row in answer(run, "cell", "--cells", source)] == expected


def test_the_whole_space_in_one_call_takes_seconds(run: Run, tmp_path: Path) -> None:
    (tmp_path / "all").write_text("\n".join(str(cell) for cell in CellSpace()))
    started = time.process_time()
    rows = answer(run, "cell", "--cells", tmp_path / "all")
    assert time.process_time() - started < 40  # half of it where coverage is measured
    assert len(rows) == 13_824
    assert len({row["functional_key"] for row in rows}) == 8923
    assert len({row["published_hash"] for row in rows}) == 8242
    assert len({row["released_params"] for row in rows}) == 20
    assert sum(bool(row["dead"]) for row in rows) == sum(
        1 for row in rows if "x" not in reachable(str(row["functional_key"]))
    )


def reachable(key: str) -> set[str]:
    """Names that a key's output depends on."""
    sums = {}
    for part in key.split(";"):
        name, value = part.split("=")
        terms = value.removesuffix(")").rpartition("(")[2].split("+")
        sums[name] = {term.rpartition("*")[2] for term in terms}
    found, waiting = set(), ["y"]
    while waiting:
        names = sums.get(waiting.pop(), set()) - found
        found |= names
        waiting += names
    return found


@pytest.mark.parametrize(
    "arguments", [("cell", "10_100_1000"), ("cell", "11", "--draw", "text"), ("space",)]
)
def test_the_light_install_is_enough(arguments: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom surrogate.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "heavy = {'networkx', 'pandas', 'scipy', 'sklearn', 'torch', 'xgboost'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_pictures_as_text_go_to_stdout(run: Run) -> None:
    code, out, err = run("cell", "10_110_1010", "11", "--draw", "text")
    assert (code, err) == (0, "")
    first, second = out.split("\n\n")
    assert first.startswith("10_110_1010\n┌")
    assert second.startswith("11\n┌")


def test_one_svg_goes_to_stdout(run: Run) -> None:
    code, out, err = run("cell", "10_110_1010", "--draw", "svg")
    assert (code, err) == (0, "")
    assert out.startswith("<svg ")
    assert out.endswith("</svg>\n")


def test_a_picture_is_written_whole_or_not_at_all(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "11.txt").write_text("an earlier one")
    write_text = Path.write_text

    def half(self: Path, data: str, **_: object) -> int:
        write_text(self, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", half)
    code, _, err = run("cell", "11", "--draw", "text", "--out", tmp_path)
    assert (code, "No space left on device" in err) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["11.txt"]
    assert (tmp_path / "11.txt").read_text() == "an earlier one"


@pytest.mark.parametrize("form", ["svg", "text"])
def test_pictures_go_to_files_named_after_their_cells(run: Run, tmp_path: Path, form: str) -> None:
    out = tmp_path / "new" / "pictures"
    for _ in range(2):
        code, stdout, err = run("cell", "10_100_1000", "conv3:0", "--draw", form, "--out", out)
        assert (code, stdout) == (0, "")
        assert f"wrote pictures of 2 cells to {out}" in err
    _, _, err = run("cell", "10_100_1000", "--draw", form, "--out", out)
    assert f"wrote a picture of a cell to {out}" in err
    suffix = {"svg": "svg", "text": "txt"}[form]
    assert {path.name for path in out.iterdir()} == {f"10_100_1000.{suffix}", f"conv3-0.{suffix}"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cell",), "at least one cell"),
        (("cell", "10_100_10"), "error: cell '10_100_10': node 3"),
        (("cell", "--cells", "no-such-file"), "error: cannot read cells from no-such-file"),
        (("cell", "10_100_1000", "--macro", "huge"), "known: paper, timit-micro"),
        (("cell", "10_100_1000", "--semantics", "mine"), "released"),
        (("cell", "10_100_1000", "--seconds", "0"), "from 0.01, one frame"),
        (("cell", "10_100_1000", "--seconds", "nan"), "but got nan"),
        (("cell", "10_100_1000", "--seconds", "inf"), "but got inf"),
        (("cell", "10_100_1000", "--out", "x"), "without --draw"),
        (("cell", "10_100_1000", "--draw", "text", "--format", "json"), "leave one of them out"),
        (("cell", "10_100_1000", "--draw", "text", "--list-equivalent"), "leave one of them out"),
        (("cell", "10_100_1000", "01_100_1000", "--draw", "svg"), "add --out DIR"),
        (("cell", "10_100_1000", "--draw", "svg", "--out", "/dev/null/x"), "cannot write"),
        (("space", "--nodes", "0"), "nodes >= 1"),
        (("space", "--nodes", "999"), "less than or equal to 100"),
        (("space", "--ops", "conv5,conv6"), "unknown operation 'conv6'; known: linear"),
        (("space", "--ops", "conv5,conv5"), "distinct operations"),
    ],
)
def test_mistakes_exit_with_2_and_a_message(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert message in err
    assert "Traceback" not in err


def test_a_wrong_line_is_named_before_anything_is_written(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "10_100_1000\n\n# a comment\n10_1\n"
    path = tmp_path / "cells"
    path.write_text(text)
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    for name, shown in ((str(path), str(path)), ("-", "stdin")):
        code, out, err = run("cell", "--cells", name, "--format", "csv")
        assert (code, out) == (2, "")
        assert f"error: {shown}, line 4: cell '10_1': node 2" in err
