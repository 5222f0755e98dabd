"""Every contract test runs over every link that `tests/contract/links/*.py` names."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from rkops.core.deadline import Deadline
from rkops.transport.base import Transport
from tests.contract import links
from tests.contract.adbserver import own_adb_server_port
from tests.contract.links import Link, MakeLink


def _all_links() -> dict[str, MakeLink]:
    found: dict[str, MakeLink] = {}
    for module in pkgutil.iter_modules(links.__path__):
        found |= importlib.import_module(f"{links.__name__}.{module.name}").LINKS
    return found


LINKS = _all_links()
FAULTY = [name for name in LINKS if name != "ssh-sshd"]
"""Links whose daemon is ours, so that it can be told to misbehave."""


def _marks(name: str) -> tuple[pytest.MarkDecorator, ...]:
    return (pytest.mark.sshd,) if name == "ssh-sshd" else ()


@pytest.fixture(scope="session", autouse=True)
def own_adb_server() -> Iterator[None]:
    """An adb server for these tests only: never the one that a developer uses."""
    with own_adb_server_port():
        yield


@pytest.fixture(params=[pytest.param(name, marks=_marks(name)) for name in LINKS])
def link(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Link]:
    """A good board, over each kind of link in turn."""
    with LINKS[request.param](tmp_path) as made:
        yield made


@pytest.fixture(params=FAULTY)
def faulty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Link]:
    """A board that can be told to misbehave, over each kind of link in turn."""
    with LINKS[request.param](tmp_path) as made:
        assert made.faults is not None
        yield made


@pytest.fixture
def board(link: Link) -> Iterator[Transport]:
    """An open connection to a good board."""
    transport = link.open(Deadline.after(20))
    yield transport
    transport.close()
