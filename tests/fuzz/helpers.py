"""How readers are fuzzed: what valid input is changed into, and what may come of it.

Whatever a reader is given, it gives a value or a `UserError`, soon, and leaves its files alone.
By default each test takes a second or two and is the same in every run. With a number of seconds
in `NASASR_FUZZ_SECONDS`, as `make fuzz` sets it, each goes on for so long with new input, and
prints how many examples it has tried.
"""

import contextlib
import copy
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from graph_encoding import UserError

SECONDS_OF_ONE = 30
"""A reader that takes longer over one small input hangs."""

_EXAMPLES = 25
_EXAMPLES_OF_A_ROUND = 200


class HangError(BaseException):
    """A reader did not return; not an `Exception`, which a reader might take for its own."""


def fuzz(name: str, strategy: SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    """Try a check on many values: few that are always the same, or as long as is asked for."""
    budget = float(os.environ.get("NASASR_FUZZ_SECONDS", "0"))
    examples, rounds, started = 0, 0, time.monotonic()
    first_seed = time.time_ns()

    def counted(value: Any) -> None:
        nonlocal examples
        examples += 1
        with _at_most_seconds(value):
            check(value)

    while not rounds or time.monotonic() - started < budget:
        test = settings(
            max_examples=_EXAMPLES_OF_A_ROUND if budget else _EXAMPLES,
            derandomize=not budget,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
        )(given(strategy)(counted))
        if budget:
            test = seed(first_seed + rounds)(test)
        test()
        rounds += 1
    seconds = time.monotonic() - started
    print(f"fuzz {name}: {examples} examples in {seconds:.0f} s")  # noqa: T201 -- for `make fuzz`


@contextlib.contextmanager
def _at_most_seconds(value: object) -> Iterator[None]:
    if not hasattr(signal, "setitimer"):
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise HangError(
            f"a reader must return within {SECONDS_OF_ONE} s, but did not for {value!r:.2000}"
        )

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, SECONDS_OF_ONE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def read_or_refuse(read: Callable[[], object], folder: Path | None = None) -> None:
    """Call a reader: only a `UserError` may come out of it, and no file may change.

    Args:
        read: the call.
        folder: what the reader reads.
    """
    before = _contents(folder)
    with contextlib.suppress(UserError):
        read()
    assert _contents(folder) == before, "a reader changed what it read"


def _contents(folder: Path | None) -> dict[str, bytes]:
    if folder is None:
        return {}
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


INTERESTING = (
    None,
    True,
    0,
    -1,
    1,
    2**31,
    2**63,
    10**400,
    0.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "a",
    "input",
    "\x00",
    "\ud800",
    "../..",
    "é" * 300,
    [],
    [0],
    [[]],
    {},
    {"a": 1},
)
"""Values that readers have stumbled over, here and elsewhere."""

plain_values: SearchStrategy[Any] = st.sampled_from(INTERESTING) | st.recursive(
    st.sampled_from(INTERESTING) | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=6,
)

_edits = st.lists(
    st.tuples(
        st.sampled_from(("set", "insert", "delete", "repeat", "move", "cut")),
        st.floats(0, 1, exclude_max=True),
        st.floats(0, 1, exclude_max=True),
        st.binary(min_size=1, max_size=8) | st.sampled_from((b"\x00", b"\xff", b"\n", b"9" * 5000)),
    ),
    min_size=1,
    max_size=5,
)


def changed_bytes(valid: bytes) -> SearchStrategy[bytes]:
    """A few bytes of valid ones overwritten, put in, taken out, repeated, moved, or cut off."""
    return _edits.map(lambda edits: _edited(valid, edits)) | st.binary(max_size=60)


def _edited(content: bytes, edits: list[tuple[str, float, float, bytes]]) -> bytes:
    for kind, first, second, data in edits:
        at, other = int(first * (len(content) + 1)), int(second * (len(content) + 1))
        end = min(len(content), at + 1 + int(second * 40))
        if kind == "set":
            content = content[:at] + data + content[at + len(data) :]
        elif kind == "insert":
            content = content[:at] + data + content[at:]
        elif kind == "delete":
            content = content[:at] + content[end:]
        elif kind == "repeat":
            content = content[:end] + content[at:end] + content[end:]
        elif kind == "move":
            rest = content[:at] + content[end:]
            content = rest[:other] + content[at:end] + rest[other:]
        else:
            content = content[:at]
    return content


@st.composite
def changed_values(draw: st.DrawFn, valid: Any) -> Any:
    """Valid JSON values of which one to three places are replaced, taken out or doubled."""
    value = copy.deepcopy(valid)
    for _ in range(draw(st.integers(1, 3))):
        value = _changed_once(draw, value)
    return value


def _changed_once(draw: st.DrawFn, value: Any) -> Any:
    # Down to a place: at each step into a list or a dict, or no further.
    holder, key, here = None, None, value
    while isinstance(here, list | dict) and here and draw(st.integers(0, 4)):
        keys = sorted(here) if isinstance(here, dict) else range(min(len(here), 50))
        key = draw(st.sampled_from(keys))
        holder, here = here, here[key]
    # A copy: a later step may change it.
    new = copy.deepcopy(draw(plain_values | st.just([here]) | st.just(str(here)[:50])))
    if holder is None:
        return new
    kind = draw(st.sampled_from(("replace", "replace", "remove", "double")))
    if kind == "replace":
        holder[key] = new
    elif kind == "remove":
        del holder[key]
    elif isinstance(holder, list):
        holder.insert(key, copy.deepcopy(here))
    else:
        holder[f"{key}2"] = copy.deepcopy(here)
    return value


_TOML_VALUES = (
    "0",
    "-1",
    "1.5",
    "nan",
    "inf",
    "true",
    '""',
    '"a"',
    '"\\u0000"',
    '"../x"',
    "[]",
    "[[]]",
    "[1, 'a']",
    "{}",
    "{ a = 1 }",
    "1979-05-27",
    "07:32:00",
    "9" * 30,
    "9" * 5000,
    "1e999",
    "0x10",
    "[" * 2000 + "]" * 2000,
)


@st.composite
def changed_toml(draw: st.DrawFn, valid: str) -> bytes:
    """TOML whose lines are taken out, doubled, moved or given other values; or other bytes."""
    lines = valid.splitlines()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(lines) - 1)))
        kind = draw(st.sampled_from(("value", "value", "value", "remove", "double", "move", "key")))
        line = lines[at] if lines else ""
        if kind == "value":
            lines[at : at + 1] = [
                f"{line.partition('=')[0]}= {draw(st.sampled_from(_TOML_VALUES))}"
            ]
        elif kind == "remove":
            del lines[at : at + 1]
        elif kind == "double":
            lines.insert(at, line)
        elif kind == "key":
            lines[at : at + 1] = [f"x{line}"]
        else:
            lines.insert(draw(st.integers(0, len(lines))), line)
    content = "\n".join(lines).encode()
    return draw(st.just(content) | changed_bytes(content))
