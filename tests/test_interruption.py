"""Work that no signal cuts in two: every one that Python handles comes when it is over."""

import os
import signal
import threading

import pytest

from keras_trainkit._interruption import _HeldBack, uninterrupted

pytestmark = pytest.mark.host

INT, TERM, USR1 = signal.SIGINT, signal.SIGTERM, signal.SIGUSR1
ERRORS = {INT: KeyboardInterrupt, TERM: SystemExit}


@pytest.fixture
def came():
    """Handle three signals, two of them by raising; return those that came."""
    numbers = []

    def handle(number, frame):
        numbers.append(number)
        if number in ERRORS:
            raise ERRORS[number]

    before = {number: signal.signal(number, handle) for number in (INT, TERM, USR1)}
    yield numbers
    assert {signal.getsignal(number) for number in before} == {handle}
    for number, handler in before.items():
        signal.signal(number, handler)


def press(*numbers):
    for number in numbers:
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("numbers", [(INT,), (TERM,), (INT, TERM), (TERM, INT), (INT, INT, TERM)])
def test_every_signal_comes_when_the_block_is_over(came, numbers):
    done = []

    def work():
        with uninterrupted():
            press(*numbers)
            done.append(list(came))

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        work()
    assert done == [[]]
    assert sorted(came) == sorted(numbers)


def test_handlers_that_return_let_the_others_come(came):
    with uninterrupted():
        press(USR1, USR1)
        assert came == []
    assert came == [USR1, USR1]


def test_an_error_of_the_block_is_the_context_of_what_a_handler_raises(came):
    with pytest.raises(KeyboardInterrupt) as raised:
        press_and_fail()
    assert "by the block" in str(raised.value.__context__)


@uninterrupted()
def press_and_fail():
    press(INT)
    raise RuntimeError("by the block")


def test_an_error_of_the_block_passes(came):
    with pytest.raises(RuntimeError), uninterrupted():
        raise RuntimeError


@pytest.mark.parametrize("presses", [1, 2, 3])
def test_a_handler_that_raises_while_handlers_are_put_back_keeps_none_of_them_away(
    came, presses, monkeypatch
):
    put, left = signal.signal, [INT] * presses

    def put_and_press(number, handler):
        put(number, handler)
        if signal.getsignal(INT).__name__ == "handle" and left:
            press(left.pop())

    @uninterrupted()
    def work():
        monkeypatch.setattr(signal, "signal", put_and_press)
        press(TERM, USR1)

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        work()
    monkeypatch.undo()
    assert sorted(came) == sorted([INT] * presses + [TERM, USR1])


@pytest.mark.parametrize("presses", [1, 2])
def test_handlers_are_put_back_although_another_signal_comes_first(came, presses, monkeypatch):
    put_back, left = _HeldBack.__exit__, [INT] * presses

    def press_first(held, *error):
        if left:
            left.pop()
            raise KeyboardInterrupt
        put_back(held, *error)

    monkeypatch.setattr(_HeldBack, "__exit__", press_first)
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        press(USR1)
    assert came == [USR1]


def test_a_block_in_a_block_waits_for_the_outer_one(came):
    with pytest.raises(KeyboardInterrupt):
        nested(came)
    assert came == [USR1, INT]


def nested(came):
    with uninterrupted():
        with uninterrupted():
            press(USR1, INT)
        assert came == []


def test_a_handler_that_the_block_exchanges_stays(came):
    before, mine = signal.getsignal(TERM), lambda *_: None
    with uninterrupted():
        signal.signal(TERM, mine)
    assert signal.getsignal(TERM) is mine
    signal.signal(TERM, before)


def test_what_python_does_not_handle_is_left_alone(came):
    before = signal.signal(TERM, signal.SIG_IGN)
    with uninterrupted():
        assert signal.getsignal(TERM) == signal.SIG_IGN
    signal.signal(TERM, before)


def test_another_thread_holds_nothing_back(came):
    seen = []

    def work():
        before = signal.getsignal(INT)
        with uninterrupted():
            seen.append(signal.getsignal(INT) is before)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]
