"""One ordered map over processes: results in order, a killed process named, nothing left running."""

import multiprocessing
import os
import signal
from functools import partial

import pytest

from bratseval.process_map import map_in_order


def square(number: int) -> int:
    return number**2


def ends_at(number: int, last: int) -> int:
    """What a process does that the system kills for its memory."""
    if number == last:
        os._exit(9)
    return number


def ignores_interrupts(_number: int) -> bool:
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def note() -> None:
    os.environ["BEGUN"] = "yes"


def begun(_number: int) -> str:
    return os.environ.get("BEGUN", "no")


@pytest.mark.parametrize("processes", [0, 1, 2])
def test_results_come_in_the_order_of_the_items(processes: int) -> None:
    assert list(map_in_order(square, range(5), processes)) == [0, 1, 4, 9, 16]
    assert multiprocessing.active_children() == []


def test_a_killed_process_is_named_and_no_process_is_left() -> None:
    with pytest.raises(ChildProcessError, match="one of 2 processes was killed, most likely for its memory"):
        list(map_in_order(partial(ends_at, last=2), range(5), 2))
    assert multiprocessing.active_children() == []


def test_an_interrupt_is_left_to_the_first_process() -> None:
    assert list(map_in_order(ignores_interrupts, range(2), 2)) == [True, True]
    own = ignores_interrupts(0)  # true where a shell started the tests in the background
    assert list(map_in_order(ignores_interrupts, range(2), 1)) == [own, own]


def test_each_process_begins_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEGUN", "no")
    assert list(map_in_order(begun, range(3), 2, begin=note)) == ["yes"] * 3
    assert os.environ["BEGUN"] == "no"


def test_a_caller_that_stops_early_stops_the_processes() -> None:
    results = map_in_order(square, range(1000), 2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]  # a generator has it
    assert multiprocessing.active_children() == []
