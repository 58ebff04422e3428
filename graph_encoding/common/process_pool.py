"""Termination of process pools."""

from concurrent.futures import ProcessPoolExecutor


def end_at_once(executor: ProcessPoolExecutor) -> None:
    """Terminate a pool's processes; `shutdown` alone would wait for their tasks."""
    processes = list((executor._processes or {}).values())  # noqa: SLF001 -- there is no public method
    executor.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()
