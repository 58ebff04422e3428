"""Trainings on a Ray cluster: any number of machines, one writer."""

import logging
from collections import Counter, deque
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from graph_encoding.common.errors import MissingExtraError, UserError
from graph_encoding.registered import Registered
from train_benchmark.collecting.engines.base import (
    Engine,
    held_trainings,
    lost_record,
    train_patiently,
)
from train_benchmark.collecting.failure_guard import MAX_ATTEMPTS
from train_benchmark.collecting.plan import Job
from train_benchmark.features.prepared import PreparedCorpus
from train_benchmark.recipe import Recipe
from train_benchmark.record import TrainingRecord
from train_benchmark.training.arithmetic import environment_of
from train_benchmark.training.trainer import fills_gpu

_log = logging.getLogger(__name__)


class RayEngine(Engine):
    """One Ray task a training; the process that called it is the only writer.

    A task has one core, and one GPU where the cluster has any and the recipe is trained on them.

    Recipe and corpus travel through Ray's object store, so that the machines share no folder;
    they need the same nasasr installed. A task whose worker or machine is lost is run again.

    Args:
        address: "auto" for the cluster that this machine belongs to, "local" for one that lives
            as long as the run, or "host:port" of a cluster's head.
        workers: most trainings at a time; for a local cluster also its number of cores. None
            means as many as the cluster has cores, or GPUs where trainings take one.

    Raises:
        MissingExtraError: if Ray is not installed.
    """

    def __init__(self, address: str, workers: int | None) -> None:
        if workers is not None and workers < 1:
            raise UserError(f"workers must be >= 1, but got {workers}")
        self._ray = _import_ray()
        self._address = address
        self._workers = workers

    def run(
        self,
        jobs: Sequence[Job],
        recipe: Recipe,
        corpus: PreparedCorpus,
        *,
        on_start: Callable[[Job], None],
        may_start: Callable[[], bool],
    ) -> Generator[TrainingRecord, None, None]:
        """See `Engine.run`."""
        ray = self._ray
        connected_here = self._connect()
        in_flight: dict[Any, Job] = {}
        try:
            gpus, workers = _share_of(recipe, ray.cluster_resources())
            workers = self._workers or workers
            shared = ray.put((Registered.here(), recipe, corpus))
            if jobs:
                self._check_workers(gpus, shared)
            # Lost workers are counted here, where each can be told from the others.
            task = ray.remote(
                num_cpus=1,
                num_gpus=gpus,
                max_retries=0,
                runtime_env={"env_vars": environment_of(recipe)},
            )(_train)
            waiting = deque(jobs)
            deaths: Counter[Job] = Counter()
            held = held_trainings()
            while waiting or in_flight:
                while waiting and len(in_flight) < workers and may_start():
                    job = waiting.popleft()
                    on_start(job)
                    in_flight[task.remote(job, shared)] = job
                if not in_flight:
                    break
                done, _ = ray.wait(list(in_flight), num_returns=1)
                job = in_flight.pop(done[0])
                try:
                    record: TrainingRecord = ray.get(done[0])
                except ray.exceptions.RayTaskError:
                    # An error of the training's own code, not a lost worker: a defect to see.
                    raise
                except ray.exceptions.RayError as e:
                    deaths[job] += 1
                    if deaths[job] < MAX_ATTEMPTS:
                        _log.warning("lost the worker of cell %s; training it again", job.cell)
                        waiting.appendleft(job)
                        continue
                    why = f"its worker was lost {MAX_ATTEMPTS} times: {type(e).__name__}"
                    yield from held.take(lost_record(job, recipe, corpus, why))
                else:
                    yield from held.take(record)
            yield from held.rest()
        finally:
            for reference in in_flight:
                ray.cancel(reference, force=True)
            if connected_here:
                ray.shutdown()

    def _check_workers(self, gpus: int, shared: Any) -> None:
        """Make sure that a worker of the cluster can start, before any cell is blamed.

        Raises:
            UserError: if none can.
        """
        ray = self._ray
        task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=MAX_ATTEMPTS - 1)(_set_up)
        try:
            ray.get(task.remote(shared))
        except ray.exceptions.RayError as e:
            raise UserError(
                "a worker of the cluster must start before it trains, but none could, and no cell "
                f"has a new record: {_on_one_line(e)}; the machines need the same nasasr with the "
                "same packages, and memory for the corpus"
            ) from e

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


def _on_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _share_of(recipe: Recipe, resources: Mapping[str, float]) -> tuple[int, int]:
    """GPUs that a training takes, and how many trainings a cluster has room for."""
    gpus = int(resources.get("GPU", 0))
    cores = max(1, int(resources.get("CPU", 1)))
    # Ray shows a task only the GPUs that it asked for.
    return (1, min(gpus, cores)) if gpus and fills_gpu(recipe) else (0, cores)


def _set_up(shared: tuple[Registered, Recipe, PreparedCorpus]) -> None:
    from train_benchmark.training.process_setup import set_up_training_process

    set_up_training_process()
    registered, _, _ = shared
    registered.register()


def _train(job: Job, shared: tuple[Registered, Recipe, PreparedCorpus]) -> TrainingRecord:
    _set_up(shared)
    _, recipe, corpus = shared
    return train_patiently(job, recipe, corpus)


def _import_ray() -> Any:
    try:
        import ray
    except ModuleNotFoundError as e:
        raise MissingExtraError("ray", "ray") from e
    return ray
