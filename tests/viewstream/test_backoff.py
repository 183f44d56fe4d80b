"""Delays between retries: their bounds, their growth, and that each is drawn again."""

from __future__ import annotations

import pytest

from viewstream.backoff import Backoff


def test_caps_double_up_to_the_longest() -> None:
    backoff = Backoff(0.5, 10.0, rng=lambda: 1.0)
    assert [backoff.next_delay() for _ in range(7)] == [0.5, 1, 2, 4, 8, 10, 10]
    backoff.reset()
    assert [backoff.next_delay() for _ in range(2)] == [0.5, 1]


def test_each_delay_is_drawn_again_between_zero_and_its_cap() -> None:
    numbers = iter([0.0, 0.25, 0.5, 1.0])
    backoff = Backoff(1.0, 4.0, rng=lambda: next(numbers))
    assert [backoff.next_delay() for _ in range(4)] == [0.0, 0.5, 2.0, 4.0]


def test_delays_differ_unless_a_generator_is_passed_in() -> None:
    first, second = Backoff(1.0, 1.0), Backoff(1.0, 1.0)
    delays = [backoff.next_delay() for backoff in (first, second) for _ in range(20)]
    assert len(set(delays)) == 40
    assert all(0 <= delay <= 1 for delay in delays)
    assert min(delays) < 0.5 < max(delays)


@pytest.mark.parametrize(("first", "longest"), [(0, 1), (2, 1), (-1, 1)])
def test_bounds_that_make_no_sense_are_refused(first: float, longest: float) -> None:
    with pytest.raises(AssertionError, match="expected 0 < first <= longest"):
        Backoff(first, longest)
