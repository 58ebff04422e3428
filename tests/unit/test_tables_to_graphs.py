"""Scripts that turn other benchmarks' tables into graphs: what they write, and their messages."""

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding.interop.graph_file import read_graphs
from studies import nasbench201, nasbench_graph

CONV = "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
TEXTS = ("0", CONV, "(0)@nor_conv_3x3")
ACCURACY_HEADER = ",".join(("index", "arch_str", "unique_string", *nasbench201.ACCURACIES))
ACCURACY = f"{ACCURACY_HEADER}\n" + "".join(
    f"{i},{arch},{unique},{','.join(f'{90 + i}.5' for _ in nasbench201.ACCURACIES)}\n"
    for i, (arch, unique) in enumerate(
        [
            (CONV, "0+#"),
            ("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|", "a"),
            ("|avg_pool_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|", "b"),
            (CONV, "0+#"),
        ]
    )
)
LATENCY = "index,raspi4\n0,1.5\n1,2.5\n2,3.5\n3,4.5\n"
NB_GRAPH = "link,ops,valid_perf,test_perf,latency_s\n0012,gcn|gat|skip|fc,0.5,0.6,0.1\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Run a script over files of some contents; what it wrote."""

    def run_it(script: object, **contents: str | bytes) -> Path:
        for name, content in contents.items():
            data = content.encode() if isinstance(content, str) else content
            (tmp_path / f"{name}.csv").write_bytes(data)
        source = tmp_path if script is nasbench201 else tmp_path / "cora.csv"
        out = tmp_path / "graphs.jsonl"
        monkeypatch.setattr(sys, "argv", ["script", str(source), str(out)])
        script.main()  # type: ignore[attr-defined]
        return out

    return run_it


def nb201(accuracy: str | bytes = ACCURACY, latency: str | bytes = LATENCY) -> dict[str, object]:
    return {"nb201_accuracy": accuracy, "nb201_help_latency_ms": latency}


def test_nasbench201_writes_a_graph_for_each_key(
    run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = list(read_graphs(run(nasbench201, **nb201())))
    assert [row.graph.key for row in rows] == ["0+#", "a", "b"]
    # The mean over the cells of a key, which are the first and the last.
    assert rows[0].targets["cifar10_test_200ep"] == 92.0
    assert rows[0].targets["latency_ms_raspi4"] == 3.0
    # No training size is smaller than the table.
    assert "training keys" not in capsys.readouterr().err


def test_nasbench_graph_writes_a_graph_for_each_key(run: Callable[..., Path]) -> None:
    (row,) = read_graphs(run(nasbench_graph, cora=NB_GRAPH))
    assert row.targets == {"valid_perf": 0.5, "test_perf": 0.6, "latency_s": 0.1}


def test_a_byte_order_mark_and_an_empty_last_line_change_nothing(run: Callable[..., Path]) -> None:
    plain = run(nasbench201, **nb201()).read_bytes()
    marked = nb201(*(("\ufeff" + text + "\n").encode() for text in (ACCURACY, LATENCY)))
    assert run(nasbench201, **marked).read_bytes() == plain
    plain = run(nasbench_graph, cora=NB_GRAPH).read_bytes()
    assert run(nasbench_graph, cora="\ufeff" + NB_GRAPH).read_bytes() == plain


@pytest.mark.parametrize(
    ("accuracy", "latency", "message"),
    [
        (ACCURACY.replace(",", ";"), LATENCY, r"must have the columns index, .* lacks index"),
        (ACCURACY.replace("unique_string", "key"), LATENCY, "lacks unique_string"),
        (ACCURACY.replace("93.5", "", 1), LATENCY, r"row 5 must have a number in column 'cifar10"),
        (ACCURACY.replace("93.5", "n/a", 1), LATENCY, r"row 5 must have a number .* 'n/a'"),
        (ACCURACY.replace(",93.5", "", 1), LATENCY, r"row 5 must have 12 values, .* but has 11"),
        (ACCURACY.replace("avg_pool", "pool"), LATENCY, r"row 4: NAS-Bench-201 cell .* node 1"),
        (ACCURACY, LATENCY.replace("2,3.5\n", ""), r"must have a row for each cell, .* index '2'"),
        (ACCURACY, LATENCY.replace("3.5", ""), r"row 4 must have a number in column 'latency_ms"),
        (ACCURACY, LATENCY.replace("index", "i"), r"must have the columns index"),
        (ACCURACY.encode("utf-16"), LATENCY, "cannot read"),
        (ACCURACY_HEADER, LATENCY, "has only its header"),
        ("", LATENCY, "lacks index"),
    ],
)
def test_nasbench201_says_what_a_table_lacks(
    run: Callable[..., Path], accuracy: str | bytes, latency: str, message: str
) -> None:
    with pytest.raises(SystemExit, match=f"^error: .*{message}"):
        run(nasbench201, **nb201(accuracy, latency))


@pytest.mark.parametrize(
    ("cora", "message"),
    [
        (
            NB_GRAPH.replace("0012", '"[0, 0, 1, 2]"'),
            r"row 2 must have a digit .* '\[0, 0, 1, 2\]'",
        ),
        (NB_GRAPH.replace("0012", ""), r"row 2 must have a digit for each node"),
        (NB_GRAPH.replace("0012", "0²12"), r"row 2 must have a digit for each node"),
        (NB_GRAPH.replace("0012", "012"), r"row 2: a NAS-Bench-Graph cell must have a link"),
        (NB_GRAPH.replace("0.6", "-"), r"row 2 must have a number in column 'test_perf'"),
        (NB_GRAPH.replace("ops", "op"), r"must have the columns link, ops, .* lacks ops"),
    ],
)
def test_nasbench_graph_says_what_a_table_lacks(
    run: Callable[..., Path], cora: str, message: str
) -> None:
    with pytest.raises(SystemExit, match=f"^error: .*{message}"):
        run(nasbench_graph, cora=cora)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=8))
def test_shares_of_known_functions_are_shares_that_grow(keys_of_functions: list[int]) -> None:
    shares = [
        nasbench201.share_known(keys_of_functions, size) for size in range(sum(keys_of_functions))
    ]
    assert shares[0] == 0
    assert all(0 <= a <= b + 1e-12 <= 1 + 2e-12 for a, b in pairwise(shares))
    alone = sum(keys for keys in keys_of_functions if keys == 1) / sum(keys_of_functions)
    assert shares[-1] == pytest.approx(0 if len(shares) == 1 else 1 - alone)
