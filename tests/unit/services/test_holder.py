import json
import subprocess
import sys

from rkops.services.holder import is_dead, new_holder

_TELL = "from rkops.services.holder import new_holder as n; import json; print(json.dumps(n()))"


def test_this_process_lives() -> None:
    assert not is_dead(new_holder())


def test_tokens_differ() -> None:
    assert new_holder()["token"] != new_holder()["token"]


def test_a_process_that_ended_is_dead() -> None:
    out = subprocess.run([sys.executable, "-c", _TELL], check=True, capture_output=True).stdout
    assert is_dead(json.loads(out))


def test_another_process_of_the_same_number_does_not_count() -> None:
    holder = new_holder()
    number, _, start = holder["process"].partition(":")
    assert is_dead({**holder, "process": f"{number}:{int(start) + 1}"})


def test_what_cannot_be_known_is_not_dead() -> None:
    holder = new_holder()
    assert not is_dead({**holder, "host": "another/boot/pid"})
    assert not is_dead({**holder, "host": ""})
    assert not is_dead({**holder, "process": "x:1"})
    assert not is_dead({})
