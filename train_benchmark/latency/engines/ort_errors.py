"""onnxruntime's exceptions, which have no other base than `Exception`, as one of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from graph_encoding.common.errors import NasasrError

_SHOWN = 300


class EngineError(NasasrError, RuntimeError):
    """An engine fails over a network; the message has its reason."""


def ort_exceptions() -> tuple[type[Exception], ...]:
    """What onnxruntime raises where it cannot read, build or run a model."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state  # type: ignore[import-untyped]

    return (
        state.EPFail,
        state.EngineError,
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NoModel,
        state.NoSuchFile,
        state.NotImplemented,
        state.RuntimeException,
    )


def reason_of(error: Exception) -> str:
    """An exception's text on one line, cut off where it grows long."""
    return " ".join(str(error).split())[:_SHOWN]


@contextmanager
def ort_errors(doing: str) -> Iterator[None]:
    """Make what onnxruntime raises an `EngineError`.

    Args:
        doing: what it cannot do then, in words that follow "cannot".

    Raises:
        EngineError: in place of any of its exceptions.
    """
    try:
        yield
    except ort_exceptions() as e:
        raise EngineError(f"onnxruntime cannot {doing}: {reason_of(e)}") from e
