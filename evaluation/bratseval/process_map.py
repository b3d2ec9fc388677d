"""The same work on many items, on several processes, with the results in order."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def _nothing() -> None:
    pass


def map_in_order(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    processes: int,
    *,
    begin: Callable[[], None] = _nothing,
) -> Iterator[Result]:
    """The results of `work`, in the order of `items`, each as soon as it and those before it are there.

    Args:
        work: for several processes a function of a module, or a `functools.partial` of one.
        items: without any, nothing is started.
        processes: below 2 the work is done in this process; more start fresh interpreters,
            so a script that calls this guards its own main part.
        begin: called once in each process before its first item.

    Raises:
        ChildProcessError: a process was killed from outside, most likely for its memory.
    """
    if processes < 2:
        begin()
        yield from map(work, items)
        return
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    with ProcessPoolExecutor(processes, get_context("spawn"), _begin_process, (begin,)) as pool:
        try:
            yield from pool.map(work, items)
        except BrokenProcessPool:
            raise ChildProcessError(
                f"one of {processes} processes was killed, most likely for its memory. Use fewer --jobs."
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _begin_process(begin: Callable[[], None]) -> None:
    from signal import SIG_IGN, SIGINT, signal

    signal(SIGINT, SIG_IGN)  # the first process is interrupted and ends the others
    begin()
