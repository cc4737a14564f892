"""The states of an instance, and what may follow what."""

from __future__ import annotations

import threading
from itertools import product

import pytest

from fc_adapter.runner.life import Life, State

PATH = [State.IDLE, State.FROZEN, State.RUNNING, State.IDLE, State.RUNNING, State.IDLE, State.STOPPING, State.ENDED]
WRONG = {
    (State.RUNNING, State.RUNNING),  # one request at a time
    (State.FROZEN, State.IDLE),
    (State.STOPPING, State.RUNNING),
    (State.IDLE, State.STARTING),
}


def test_a_life():
    life = Life()
    assert (life.state, life.requests, life.ended, life.is_alive) == (State.STARTING, 0, None, True)
    assert [life.enter(state) and life.state for state in PATH] == PATH
    assert (life.requests, life.is_alive) == (2, False)
    assert life.ended >= life.began
    assert life.frozen_at > 0


@pytest.mark.parametrize(("before", "after"), sorted(WRONG))
def test_what_cannot_follow(before, after):
    life = Life()
    life.state = before
    with pytest.raises(AssertionError, match=f"an instance that is {before.value} cannot be {after.value}"):
        life.enter(after)
    assert life.state is before


def test_an_end_is_final():
    for before, after in product([each for each in State if each is not State.ENDED], State):
        life = Life()
        life.state = before
        assert life.enter(State.ENDED)
        ended = life.ended
        assert (life.enter(after), life.state, life.ended) == (False, State.ENDED, ended)


def test_one_of_many_ends_it():
    life, outcomes = Life(), []
    threads = [threading.Thread(target=lambda: outcomes.append(life.enter(State.ENDED))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 7 + [True]
