# SPDX-License-Identifier: Apache-2.0
"""Runs on several processes at a time."""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnContext
from multiprocessing.queues import SimpleQueue

from emu.errors import RunError
from emu.sim.experiment import OnProgress, Task, Update, progress_of, work
from emu.telemetry import remove_dead_partials


def run_all(todo: list[Task], jobs: int, tell: OnProgress, finished: int, total: int) -> None:
    """Do all tasks, ``jobs`` at a time; ``finished`` of ``total`` were done before.

    Raises
    ------
    emu.errors.RunError
        If a worker process died.
    """
    context: SpawnContext = multiprocessing.get_context("spawn")
    updates: SimpleQueue[Update] = context.SimpleQueue()
    pool = ProcessPoolExecutor(
        jobs, mp_context=context, initializer=_prepare_worker, initargs=(updates,)
    )
    try:
        pending: dict[Future[Update], Task] = {
            pool.submit(_work_in_process, task): task for task in todo
        }
        while pending:
            ended, _ = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            while not updates.empty():
                tell(progress_of("running", updates.get(), finished, total))
            for future in ended:
                pending.pop(future)
                finished += 1
                tell(progress_of("done", future.result(), finished, total))
    except BrokenProcessPool as error:
        raise RunError(
            "a worker process was killed (out of memory?)",
            hint="run again with --resume, perhaps with fewer --jobs",
        ) from error
    finally:
        _stop(pool)
        for task in todo:
            remove_dead_partials(task.directory)


def _stop(pool: ProcessPoolExecutor) -> None:
    """Ends the workers, also in the middle of a run: half a run leaves nothing behind."""
    if threading.current_thread() is threading.main_thread():
        # A second Ctrl-C would leave workers without the queue that they report to.
        interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            _end_workers(pool)
        finally:
            signal.signal(signal.SIGINT, interrupted)
    else:
        _end_workers(pool)


def _end_workers(pool: ProcessPoolExecutor) -> None:
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    deadline = time.monotonic() + 0.5
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.terminate()
    for process in processes:
        process.join()


_updates: SimpleQueue[Update]
"""In a worker: where it reports to."""


def _prepare_worker(updates: SimpleQueue[Update]) -> None:
    # Ctrl-C reaches the whole process group; the parent alone decides what ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    global _updates
    _updates = updates


def _work_in_process(task: Task) -> Update:
    return work(task, _updates.put)
