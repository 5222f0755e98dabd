"""A question has the terminal to itself, and no board's time passes meanwhile."""

import threading
import time

from rkops.core.deadline import Deadline
from rkops.core.terminal import Terminal
from rkops.services.transfer import QuietDeadline


class Recorder:
    def __init__(self) -> None:
        self.seen: list[str] = []

    def clear(self) -> None:
        self.seen.append("clear")

    def draw(self) -> None:
        self.seen.append("draw")


def test_deadlines_stand_still_while_a_person_answers() -> None:
    deadline = Deadline.after(0.2)
    with Terminal().asking(), Terminal().asking():
        before = deadline.remaining
        time.sleep(0.3)
        assert deadline.remaining == before
        assert not deadline.expired
    assert 0 < deadline.remaining <= before
    time.sleep(0.25)
    assert deadline.expired


def test_what_moves_makes_room_and_comes_back() -> None:
    terminal, drawer = Terminal(), Recorder()
    terminal.attend(drawer)
    with terminal.asking():
        drawer.seen.append("question")
    terminal.dismiss(drawer)
    terminal.dismiss(drawer)
    with terminal.asking():
        pass
    assert drawer.seen == ["clear", "question", "draw"]


def test_output_waits_for_the_answer() -> None:
    terminal = Terminal()
    seen: list[str] = []

    def write() -> None:
        with terminal.writing():
            seen.append("line")

    with terminal.asking():
        writer = threading.Thread(target=write)
        writer.start()
        writer.join(0.1)
        seen.append("answer")
    writer.join(5)
    assert seen == ["answer", "line"]


def test_a_quiet_deadline_does_not_count_while_held() -> None:
    quiet = QuietDeadline(0.05)
    with quiet.held():
        time.sleep(0.1)
        quiet.put_off()
        time.sleep(0.1)
        assert not quiet.expired
    assert quiet.remaining <= 0.05
    time.sleep(0.06)
    assert quiet.expired
