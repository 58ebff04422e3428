"""Workers of a Ray cluster: any number of machines, one process that takes in the results."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from graph_encoding.common.errors import MissingExtraError, UserError
from graph_encoding.engines.engine import (
    MAX_ATTEMPTS,
    Engine,
    Needs,
    OnStep,
    Pool,
    R,
    T,
    WorkerLostError,
    checked_workers,
    no_step,
)
from graph_encoding.registered import Registered


class RayEngine(Engine):
    """One Ray task per task: one core, and one GPU where it fills one and the cluster has any.

    What workers are given travels through Ray's object store, so that the machines share no
    folder; they need the same nasasr installed.

    Args:
        address: "auto" for the cluster that this machine belongs to, "local" for one that lives
            as long as the run, or "host:port" of a cluster's head.
        workers: most tasks at a time; for a local cluster also its number of cores. None means as
            many as the cluster has cores, or GPUs where tasks take one.

    Raises:
        MissingExtraError: if Ray is not installed.
    """

    reports_steps = False

    def __init__(self, address: str, workers: int | None) -> None:
        self._workers = None if workers is None else checked_workers(workers)
        self._ray = _import_ray()
        self._address = address

    @contextmanager
    def pool(
        self,
        make_work: Callable[[int], Callable[[T, OnStep], R]],
        needs: Needs,
        on_step: OnStep,
    ) -> Iterator[Pool[T, R]]:
        """See `Engine.pool`."""
        del on_step
        connected_here = self._connect()
        try:
            pool: _RayPool[T, R] = _RayPool(self._ray, make_work, needs, self._workers)
            try:
                yield pool
            finally:
                for handle in pool.in_flight:
                    self._ray.cancel(handle, force=True)
        finally:
            if connected_here:
                self._ray.shutdown()

    def _connect(self) -> bool:
        """Connect to the cluster, unless this process is connected already.

        Raises:
            UserError: if there is no cluster at the address, it has another release of Ray or
                Python, or a local one cannot be started.
        """
        if self._ray.is_initialized():
            return False
        local = self._address == "local"
        options = {"num_cpus": self._workers, "include_dashboard": False} if local else {}
        try:
            self._ray.init(
                address=self._address, log_to_driver=False, logging_level=logging.ERROR, **options
            )
        # Ray's own errors are no class of their own: ConnectionError, ValueError, RuntimeError,
        # and `Exception` itself where a node does not come up.
        except Exception as e:
            self._ray.shutdown()
            raise UserError(self._why_not_connected(e)) from e
        return True

    def _why_not_connected(self, error: Exception) -> str:
        why = _on_one_line(error)
        if "version mismatch" in why.lower():
            return (
                "this process and the cluster must have the same releases of Ray and Python, but "
                f"do not at {self._address!r}: {why}; the machines need the same releases"
            )
        if self._address == "local":
            return f"a Ray cluster could not be started on this machine: {why}"
        return (
            "--address must be that of a running Ray cluster, 'auto' or 'local', but got "
            f"{self._address!r}: {why}"
        )


class _RayPool(Pool[T, R]):
    def __init__(
        self,
        ray: Any,
        make_work: Callable[[int], Callable[[T, OnStep], R]],
        needs: Needs,
        workers: int | None,
    ) -> None:
        self._ray = ray
        gpus, room = share_of(needs, ray.cluster_resources())
        self.workers = workers or room
        self._given = ray.put((Registered.current(), make_work))
        # Lost workers are counted by the loop of all engines.
        options = {"num_cpus": 1, "num_gpus": gpus, "max_retries": 0}
        runtime = {"env_vars": dict(needs.environment)}
        self._task = ray.remote(**options, runtime_env=runtime)(_work)
        self._start = ray.remote(**{**options, "max_retries": MAX_ATTEMPTS - 1})(_start_worker)
        self._checked = False
        self.in_flight: set[Any] = set()

    def submit(self, task: T) -> Any:
        if not self._checked:
            self._check_workers()
        handle = self._task.remote(task, self._given)
        self.in_flight.add(handle)
        return handle

    def wait(self, handles: Sequence[Any]) -> Sequence[Any]:
        done: Sequence[Any] = self._ray.wait(list(handles), num_returns=1)[0]
        return done

    def result(self, handle: Any) -> R:
        self.in_flight.remove(handle)
        errors = self._ray.exceptions
        try:
            result: R = self._ray.get(handle)
        except errors.RayTaskError as e:
            # An error of the task's own code, not a lost worker.
            raise e.cause if isinstance(e.cause, Exception) else e from e
        except errors.RayError as e:
            raise WorkerLostError(type(e).__name__) from e
        return result

    def _check_workers(self) -> None:
        """Make sure that a worker of the cluster can start, before any task is blamed.

        Raises:
            UserError: if none can.
        """
        try:
            self._ray.get(self._start.remote(self._given))
        except self._ray.exceptions.RayError as e:
            raise UserError(
                "a worker of the cluster must start before it works, but none could, and nothing "
                f"new was made: {_on_one_line(e)}; the machines need the same nasasr with the same "
                "packages, and enough memory"
            ) from e
        self._checked = True


def share_of(needs: Needs, resources: Mapping[str, float]) -> tuple[int, int]:
    """GPUs that a task takes, and how many tasks a cluster has room for."""
    gpus = int(resources.get("GPU", 0))
    cores = max(1, int(resources.get("CPU", 1)))
    # Ray shows a task only the GPUs that it asked for.
    return (1, min(gpus, cores)) if gpus and needs.gpu else (0, cores)


_Given = tuple[Registered, Callable[[int], Callable[[Any, OnStep], Any]]]


def _start_worker(given: _Given) -> None:
    _made_work(given)


def _made_work(given: _Given) -> Callable[[Any, OnStep], Any]:
    registered, make_work = given
    registered.register()
    return make_work(0)


def _work(task: Any, given: _Given) -> Any:
    try:
        return _made_work(given)(task, no_step)
    except MissingExtraError as e:
        # Its two arguments do not survive the way between processes.
        raise UserError(str(e)) from None


def _on_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _import_ray() -> Any:
    try:
        import ray
    except ModuleNotFoundError as e:
        raise MissingExtraError("ray", "ray") from e
    return ray
