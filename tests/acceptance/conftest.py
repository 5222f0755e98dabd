"""One world a module: a lab that several tests share is brought up once."""

from collections.abc import Iterator

import pytest

from tests.acceptance.kit import World
from tests.lab.conftest import need_namespaces


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A user with nothing yet."""
    made = World(tmp_path_factory.mktemp("world"))
    yield made
    made.end()


@pytest.fixture(scope="module")
def lab(world: World) -> World:
    """The same with the six boards up."""
    need_namespaces()
    world.run("lab", "up", "6")
    return world
