"""Translation of onnxruntime's exceptions, whose only base is `Exception`, to one of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from graph_encoding.common.errors import NasasrError

_SHOWN = 300


class EngineError(NasasrError, RuntimeError):
    """An engine fails on a network; the message has the reason."""


def ort_exceptions() -> tuple[type[Exception], ...]:
    """The exceptions that onnxruntime raises if it cannot read, build or run a model."""
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
    """An exception's text on one line, truncated to `_SHOWN` characters."""
    return " ".join(str(error).split())[:_SHOWN]


@contextmanager
def ort_errors(doing: str) -> Iterator[None]:
    """Turn onnxruntime's exceptions into `EngineError`.

    Args:
        doing: the failing action, as the words after "onnxruntime cannot".

    Raises:
        EngineError: in place of any of onnxruntime's exceptions.
    """
    try:
        yield
    except ort_exceptions() as e:
        raise EngineError(f"onnxruntime cannot {doing}: {reason_of(e)}") from e
