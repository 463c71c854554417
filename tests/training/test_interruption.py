import signal
import threading

import pytest

from evfi.errors import TimeBudgetUsed
from evfi.training.interruption import Interruption


def test_sigterm_is_noted_and_ends_like_a_used_up_budget() -> None:
    with Interruption(None) as interruption:
        assert not interruption.wanted
        signal.raise_signal(signal.SIGTERM)
        assert interruption.wanted
        error = interruption.error(3, 10)
    assert isinstance(error, TimeBudgetUsed)
    assert error.exit_code == 75
    assert "SIGTERM arrived at step 3 of 10" in str(error)


def test_sigint_is_noted_and_ends_as_an_interrupt() -> None:
    with Interruption(None) as interruption:
        signal.raise_signal(signal.SIGINT)
        assert isinstance(interruption.error(3, 10), KeyboardInterrupt)


def test_a_second_signal_acts_at_once() -> None:
    with Interruption(None):
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_handlers_are_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interruption(None):
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_used_up_budget_is_noted() -> None:
    with Interruption(0) as interruption:
        assert interruption.wanted
        assert "time budget is used up" in str(interruption.error(3, 10))
    with Interruption(1000) as interruption:
        assert not interruption.wanted


def test_it_works_outside_of_the_main_thread() -> None:
    seen: list[bool] = []

    def run() -> None:
        with Interruption(None) as interruption:
            seen.append(interruption.wanted)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [False]
