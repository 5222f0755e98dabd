"""What `Transport` promises, over every link there is."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rkops.core.deadline import Deadline
from rkops.core.errors import (
    BoardRefusedError,
    DeadlineError,
    LinkLostError,
    RkopsError,
    TransferError,
    TransportError,
)
from rkops.transport.base import Transport
from tests.contract.links import Link

ODD_WORDS = [
    "a b",
    "it's",
    '"q"',
    "$HOME",
    "`id`",
    "new\nline",
    "",
    "*",
    "ünïcödé",
    "\\",
    "-n",
    "!",
]
BINARY = bytes(range(256)) + b"\r\n\n\r\r\n\n\n" * 7


def soon(seconds: float = 20) -> Deadline:
    return Deadline.after(seconds)


@pytest.mark.parametrize("code", [0, 1, 3, 127, 255])
def test_the_exit_code_is_kept(board: Transport, code: int) -> None:
    result = board.run(["sh", "-c", f"exit {code}"], deadline=soon())
    assert (result.code, result.ok) == (code, code == 0)


def test_exit_as_a_command_is_only_a_command(board: Transport) -> None:
    assert board.run(["exit", "3"], deadline=soon()).code == 3
    assert board.run(["echo", "still here"], deadline=soon()).stdout == b"still here\n"


def test_a_missing_command_is_127(board: Transport) -> None:
    assert board.run(["no-such-command-here"], deadline=soon()).code == 127


@pytest.mark.parametrize("word", ["if", "A=1", "{", "time"])
def test_the_first_word_is_a_command_whatever_it_is(board: Transport, word: str) -> None:
    assert board.run([word], deadline=soon()).code in (1, 125, 126, 127)


def test_stderr_is_apart_or_said_to_be_merged(link: Link, board: Transport) -> None:
    result = board.run(["sh", "-c", "echo out; echo err >&2"], deadline=soon())
    assert result.merged == link.legacy
    if link.legacy:
        assert (result.stdout, result.stderr) == (b"out\nerr\n", b"")
    else:
        assert (result.stdout, result.stderr) == (b"out\n", b"err\n")


def test_words_arrive_as_they_are(board: Transport) -> None:
    said = board.run(["printf", "[%s]", *ODD_WORDS], deadline=soon())
    assert said.stdout.decode() == "".join(f"[{word}]" for word in ODD_WORDS)


def test_a_command_longer_than_old_adbd_takes(board: Transport) -> None:
    said = board.run(["printf", "%s", "x" * 20_000], deadline=soon())
    assert said.stdout == b"x" * 20_000


def test_binary_output_is_exact(link: Link, board: Transport) -> None:
    (link.scratch / "bin").write_bytes(BINARY)
    said = board.run(["cat", str(link.scratch / "bin")], deadline=soon())
    assert said.stdout == BINARY


def test_much_output_is_whole(board: Transport) -> None:
    said = board.run(["seq", "1", "60000"], deadline=soon())
    assert said.stdout == b"".join(b"%d\n" % number for number in range(1, 60001))


def test_stdin_arrives_and_ends(board: Transport) -> None:
    typed = BINARY * 500
    assert board.run(["cat"], stdin=typed, deadline=soon()).stdout == typed


def test_without_stdin_a_reader_sees_the_end(board: Transport) -> None:
    assert board.run(["cat"], deadline=soon()).stdout == b""


def test_unread_stdin_is_no_trouble(board: Transport) -> None:
    result = board.run(["sh", "-c", "exit 5"], stdin=b"x" * 300_000, deadline=soon())
    assert result.code == 5


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 5_000_000])
def test_files_there_and_back(link: Link, board: Transport, size: int) -> None:
    data = (BINARY * (size // len(BINARY) + 1))[:size]
    source, back = link.scratch / "source", link.scratch / "back"
    source.write_bytes(data)
    remote = str(link.scratch / "there")
    report = board.push(source, remote, mode=0o640, deadline=soon())
    assert report.size_bytes == size
    assert Path(remote).read_bytes() == data
    assert Path(remote).stat().st_mode & 0o777 == 0o640
    assert board.pull(remote, back, deadline=soon()) == size
    assert back.read_bytes() == data
    assert sorted(p.name for p in link.scratch.iterdir()) == ["back", "source", "there"]


def test_progress_ends_at_the_size(link: Link, board: Transport) -> None:
    (link.scratch / "source").write_bytes(b"x" * 3_000_000)
    seen: list[tuple[int, int]] = []

    def note(done: int, total: int) -> None:
        seen.append((done, total))

    remote = str(link.scratch / "there")
    board.push(link.scratch / "source", remote, deadline=soon(), progress=note)
    assert seen[-1] == (3_000_000, 3_000_000)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    seen.clear()
    board.pull(remote, link.scratch / "back", deadline=soon(), progress=note)
    assert seen[-1] == (3_000_000, 3_000_000)


def test_pushing_replaces_a_longer_file(link: Link, board: Transport) -> None:
    (link.scratch / "there").write_bytes(b"old" * 1000)
    (link.scratch / "source").write_bytes(b"new")
    board.push(link.scratch / "source", str(link.scratch / "there"), deadline=soon())
    assert (link.scratch / "there").read_bytes() == b"new"


def test_pushing_into_a_missing_directory(link: Link, board: Transport) -> None:
    (link.scratch / "source").write_bytes(b"x")
    with pytest.raises(TransferError) as caught:
        board.push(link.scratch / "source", str(link.scratch / "no/there"), deadline=soon())
    assert caught.value.hint
    assert not (link.scratch / "no").exists()


def test_pushing_a_missing_file(link: Link, board: Transport) -> None:
    with pytest.raises(TransferError) as caught:
        board.push(link.scratch / "nothing", str(link.scratch / "there"), deadline=soon())
    assert caught.value.hint
    assert not (link.scratch / "there").exists()


@pytest.mark.parametrize("change", [b"", b"longer" * 400_000])
def test_a_file_that_changes_while_it_is_pushed(
    link: Link, board: Transport, change: bytes
) -> None:
    source = link.scratch / "source"
    source.write_bytes(bytes(2_000_000))
    changed: list[int] = []

    def progress(done: int, total: int) -> None:
        if done and not changed:
            changed.append(source.write_bytes(change))

    with pytest.raises(TransferError, match="source changed while it was pushed") as caught:
        board.push(source, str(link.scratch / "there"), deadline=soon(), progress=progress)
    assert "try again" in caught.value.hint


def test_pulling_what_is_not_there(link: Link, board: Transport) -> None:
    (link.scratch / "back").write_bytes(b"before")
    with pytest.raises(TransferError) as caught:
        board.pull(str(link.scratch / "nothing"), link.scratch / "back", deadline=soon())
    assert caught.value.hint
    assert [p.name for p in link.scratch.iterdir()] == ["back"]
    assert (link.scratch / "back").read_bytes() == b"before"


def test_pulling_a_directory(link: Link, board: Transport) -> None:
    (link.scratch / "dir").mkdir()
    with pytest.raises(TransferError):
        board.pull(str(link.scratch / "dir"), link.scratch / "back", deadline=soon())
    assert [p.name for p in link.scratch.iterdir()] == ["dir"]


def test_a_stream_comes_as_it_is_said(link: Link, board: Transport) -> None:
    go = link.scratch / "go"
    script = f"echo one; while ! [ -e {go} ]; do sleep 0.02; done; echo two"
    with board.stream(["sh", "-c", script], deadline=soon()) as pieces:
        assert next(pieces) == b"one\n"
        go.touch()
        assert b"".join(pieces) == b"two\n"


def test_a_stream_ends_when_the_context_is_left(link: Link, board: Transport) -> None:
    beat = link.scratch / "beat"
    script = f"echo x > {beat}; echo up; while :; do echo x >> {beat}; sleep 0.02; done"
    with board.stream(["sh", "-c", script], deadline=soon()) as pieces:
        assert next(pieces) == b"up\n"
    assert _stands_still(beat)


def test_a_late_command_is_ended_on_the_board(link: Link, board: Transport) -> None:
    beat = link.scratch / "beat"
    script = f"while :; do echo x >> {beat}; sleep 0.02; done"
    with pytest.raises(DeadlineError) as caught:
        board.run(["sh", "-c", script], deadline=soon(0.7))
    assert caught.value.hint
    assert _stands_still(beat)


def test_talk_is_heard_as_it_comes_and_streams_stay_apart(link: Link, board: Transport) -> None:
    go = link.scratch / "go"
    script = f"echo out; echo err >&2; while ! [ -e {go} ]; do sleep 0.02; done; echo two; exit 7"
    out, err = bytearray(), bytearray()

    def heard(new_out: bytes, new_err: bytes) -> None:
        out.extend(new_out)
        err.extend(new_err)
        if b"out\n" in out and b"err\n" in (out if link.legacy else err):
            go.touch()

    said = board.talk(["sh", "-c", script], deadline=soon(), heard=heard)
    assert (said.code, said.merged, said.stdout, said.stderr) == (7, link.legacy, b"", b"")
    if link.legacy:
        assert bytes(out) == b"out\nerr\ntwo\n"
    else:
        assert (bytes(out), bytes(err)) == (b"out\ntwo\n", b"err\n")


def test_talk_is_typed_piece_by_piece(board: Transport) -> None:
    out = bytearray()
    pieces = [BINARY * 200, b"", b"x" * 200_000, BINARY]
    board.talk(["cat"], deadline=soon(), heard=lambda new, _: out.extend(new), typed=pieces)
    assert bytes(out) == b"".join(pieces)


def test_a_command_answers_each_piece_before_the_next(link: Link, board: Transport) -> None:
    if link.legacy:
        return  # it has no end of input: all of it goes ahead
    out = bytearray()
    came = threading.Event()

    def typed() -> Iterator[bytes]:
        yield b"one\n"
        assert came.wait(10)
        yield b"two\n"

    def heard(new: bytes, _: bytes) -> None:
        out.extend(new)
        came.set()

    script = "read a; echo <$a>; read b; echo <$b>".replace("<", "'<'").replace(">", "'>'")
    board.talk(["sh", "-c", script], deadline=soon(), heard=heard, typed=typed())
    assert bytes(out) == b"<one>\n<two>\n"


def test_talk_without_input_and_with_input_unread(board: Transport) -> None:
    def heard(out: bytes, err: bytes) -> None:
        assert not err
        assert not out

    assert board.talk(["cat"], deadline=soon(), heard=heard).code == 0
    unread = board.talk(
        ["sh", "-c", "exit 5"], deadline=soon(), heard=heard, typed=iter([b"x" * 300_000] * 3)
    )
    assert unread.code == 5


def test_talk_ends_when_the_hearer_has_enough(link: Link, board: Transport) -> None:
    class EnoughError(Exception):
        pass

    def heard(out: bytes, err: bytes) -> None:
        raise EnoughError

    beat = link.scratch / "beat"
    script = f"echo x > {beat}; echo up; while :; do echo x >> {beat}; sleep 0.02; done"
    with pytest.raises(EnoughError):
        board.talk(["sh", "-c", script], deadline=soon(), heard=heard, typed=_waiting())
    assert _stands_still(beat)


def _waiting() -> Iterator[bytes]:
    yield b""


def test_closing_ends_what_runs(link: Link, board: Transport) -> None:
    beat = link.scratch / "beat"
    script = f"echo x > {beat}; echo up; while :; do echo x >> {beat}; sleep 0.02; done"
    up = threading.Event()
    errors: list[RkopsError] = []

    def run() -> None:
        try:
            board.talk(["sh", "-c", script], deadline=soon(), heard=lambda *_: up.set())
        except RkopsError as error:
            errors.append(error)

    talking = threading.Thread(target=run)
    talking.start()
    assert up.wait(10)
    board.close()
    talking.join(10)
    assert not talking.is_alive()
    assert len(errors) == 1
    assert _stands_still(beat)


def _stands_still(beat: Path) -> bool:
    """Whether a file that a command keeps writing is left alone, soon."""
    patience = soon(5)
    while not patience.expired:
        before = beat.stat().st_size
        patience.pause(0.25)
        if beat.stat().st_size == before:
            return True
    return False


def test_a_forward_carries_bytes_both_ways(board: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        echo = threading.Thread(target=_echo_once, args=(server,))
        echo.start()
        port = server.getsockname()[1]
        with (
            board.forward(f"tcp:{port}", deadline=soon()) as local,
            socket.create_connection(("127.0.0.1", local), 5) as sock,
        ):
            sock.sendall(BINARY * 100)
            got = b""
            while len(got) < len(BINARY) * 100:
                got += sock.recv(65536)
        echo.join(5)
    assert got == BINARY * 100
    assert not _answers(local)


def _answers(port: int) -> bool:
    """Whether anything is behind a port; an ssh client may still accept, and close at once."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as sock:
            return sock.recv(1) != b""
    except OSError:
        return False


def _echo_once(server: socket.socket) -> None:
    sock, _ = server.accept()
    with sock, contextlib.suppress(OSError):
        while data := sock.recv(65536):
            sock.sendall(data)


def test_threads_at_once(board: Transport) -> None:
    def one(number: int) -> bytes:
        return board.run(["sh", "-c", f"sleep 0.1; echo {number}"], deadline=soon()).stdout

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(8))) == [b"%d\n" % number for number in range(8)]


def test_closing_twice_is_fine(link: Link) -> None:
    transport = link.open(soon())
    transport.close()
    transport.close()


# Boards that misbehave


def misbehave(link: Link, **faults: bool | int) -> None:
    assert link.faults is not None
    link.faults.change(**faults)


def _in_time(began: float, seconds: float) -> bool:
    return time.monotonic() - began < seconds + 2.0  # the machine may be busy


def test_a_closed_port(faulty: Link) -> None:
    misbehave(faulty, refuse=True)
    with pytest.raises(BoardRefusedError) as caught:
        faulty.open(soon(5))
    assert caught.value.hint


def test_a_silent_board_costs_its_deadline(faulty: Link) -> None:
    misbehave(faulty, silent=True)
    began = time.monotonic()
    with pytest.raises(TransportError) as caught:
        faulty.open(soon(0.8))
    assert _in_time(began, 0.8)
    assert caught.value.hint


def test_a_board_that_takes_nobody(faulty: Link) -> None:
    misbehave(faulty, unauthorized=True)
    with pytest.raises(TransportError) as caught:
        faulty.open(soon(5))
    assert type(caught.value).__name__ in ("BoardUnauthorizedError", "AuthFailedError")
    assert caught.value.hint


@pytest.mark.parametrize("what", ["run", "push", "pull", "stream"])
def test_a_mute_board_costs_its_deadline(faulty: Link, what: str) -> None:
    board = faulty.open(soon())
    (faulty.scratch / "file").write_bytes(b"x" * 1000)
    misbehave(faulty, mute=True)
    began = time.monotonic()
    with pytest.raises(DeadlineError) as caught:
        _do(board, what, faulty.scratch, soon(0.6))
    assert _in_time(began, 0.6)
    assert caught.value.hint


@pytest.mark.parametrize("what", ["run", "push", "pull"])
def test_a_board_that_stalls_in_the_middle(faulty: Link, what: str) -> None:
    board = faulty.open(soon())
    (faulty.scratch / "file").write_bytes(b"x" * 3_000_000)
    misbehave(faulty, stall_after_bytes=200_000)
    began = time.monotonic()
    with pytest.raises(DeadlineError):
        _do(board, what, faulty.scratch, soon(1.0))
    assert _in_time(began, 1.0)
    assert "back" not in {path.name for path in faulty.scratch.iterdir()}


@pytest.mark.parametrize("what", ["run", "push", "pull"])
def test_a_link_that_breaks_in_the_middle(faulty: Link, what: str) -> None:
    board = faulty.open(soon())
    (faulty.scratch / "file").write_bytes(b"x" * 3_000_000)
    misbehave(faulty, drop_after_bytes=200_000)
    with pytest.raises((LinkLostError, TransferError)) as caught:
        _do(board, what, faulty.scratch, soon(10))
    assert caught.value.hint
    assert "back" not in {path.name for path in faulty.scratch.iterdir()}


def _do(board: Transport, what: str, scratch: Path, deadline: Deadline) -> None:
    if what == "run":
        board.run(["cat", str(scratch / "file")], deadline=deadline)
    elif what == "push":
        board.push(scratch / "file", str(scratch / "there"), deadline=deadline)
    elif what == "pull":
        board.pull(str(scratch / "file"), scratch / "back", deadline=deadline)
    else:
        with board.stream(["cat", str(scratch / "file")], deadline=deadline) as pieces:
            assert b"".join(pieces)


@pytest.mark.parametrize("fault", ["disk_full", "read_only", "short_write"])
def test_a_board_that_cannot_keep_a_file(faulty: Link, fault: str) -> None:
    board = faulty.open(soon())
    (faulty.scratch / "file").write_bytes(b"x" * 300_000)
    misbehave(faulty, **{fault: True})
    with pytest.raises(TransferError) as caught:
        board.push(faulty.scratch / "file", str(faulty.scratch / "there"), deadline=soon())
    assert caught.value.hint


def test_a_stale_link_is_brought_up_once(faulty: Link) -> None:
    before = faulty.open(soon())
    assert before.run(["echo", "1"], deadline=soon()).stdout == b"1\n"
    misbehave(faulty, offline=True)
    with pytest.raises(RkopsError):
        before.run(["echo", "2"], deadline=soon(1.5))
    misbehave(faulty, offline=False)
    assert faulty.open(soon()).run(["echo", "3"], deadline=soon()).stdout == b"3\n"
    assert before.run(["echo", "4"], deadline=soon()).stdout == b"4\n"
