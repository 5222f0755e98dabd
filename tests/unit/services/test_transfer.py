import threading

from rkops.services.transfer import Heartbeat, QuietDeadline, payload_seconds


def test_progress_puts_the_deadline_off() -> None:
    deadline = QuietDeadline(0.0)
    assert deadline.expired
    late = QuietDeadline(60.0)
    before = late.remaining
    late.put_off()
    assert late.remaining >= before
    assert not late.expired


def test_time_grows_with_the_payload() -> None:
    assert payload_seconds(200_000_000) == 100.0


def test_one_beat_at_a_time() -> None:
    beats: list[int] = []

    def beat() -> None:
        beats.append(1)
        other = threading.Thread(target=heartbeat.tick)
        other.start()
        other.join()

    heartbeat = Heartbeat(beat, 0.0)
    heartbeat.tick()
    assert beats == [1]


def test_no_beat_before_its_time() -> None:
    beats: list[int] = []
    Heartbeat(lambda: beats.append(1), 60.0).tick()
    assert beats == []
