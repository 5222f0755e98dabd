"""The example in the documentation is an inventory, and every key is documented."""

import re
from importlib import resources
from pathlib import Path

import yaml

from rkops.fleet.fields import BOARD_KEYS, SOCS
from rkops.fleet.inventory import parse_inventory

TEXT = (Path(__file__).parents[3] / "docs" / "inventory.md").read_text()


def test_the_example_loads():
    [example] = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    inventory = parse_inventory([("docs/inventory.md", example.encode())], Path("docs"))
    assert list(inventory.boards) == ["board1", "board2", "board3"]
    assert inventory.boards["board3"].sdk == "2.3.2"


def test_every_key_and_soc_is_in_the_table():
    documented = set(re.findall(r"`([a-z0-9-]+)`", TEXT))
    assert set(BOARD_KEYS) | set(SOCS) <= documented


def test_the_socs_are_those_that_are_known():
    """The families rv1103 and rv1106 are of cameras without Python."""
    known = yaml.safe_load(
        resources.files("rkops.knowledge").joinpath("data/socs.yaml").read_text()
    )
    names = {name for family in known["families"] for name in family["names"]}
    assert set(SOCS) == {name for name in names if not name.startswith("rv")}
