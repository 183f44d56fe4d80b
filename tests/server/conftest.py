"""A served view over a scripted engine, and what tests do with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.fake_engine import FakeEngine
from tests.server.served import Served


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    with FakeEngine() as engine:
        yield engine
        engine.go_on.set()


@pytest.fixture
def served(engine: FakeEngine) -> Iterator[Served]:
    with Served(engine) as served:
        yield served


@pytest.fixture(scope="module")
def shared_engine() -> Iterator[FakeEngine]:
    """For tests that change nothing."""
    with FakeEngine() as engine:
        yield engine


@pytest.fixture(scope="module")
def shared_server(shared_engine: FakeEngine) -> Iterator[Served]:
    with Served(shared_engine) as served:
        yield served
