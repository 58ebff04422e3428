"""Pools of processes that nobody waits for any more."""

from concurrent.futures import ProcessPoolExecutor


def end_at_once(executor: ProcessPoolExecutor) -> None:
    """End a pool's processes, and no others; `shutdown` alone would wait for their tasks."""
    processes = list((executor._processes or {}).values())  # noqa: SLF001 -- no public way to stop them
    executor.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()
