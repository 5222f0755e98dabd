"""The example in the documentation is an inventory, and every key is documented."""

import re
from pathlib import Path

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
