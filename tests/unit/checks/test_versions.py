"""RKN: runtime, server, driver, toolkit."""

import pytest

from rkops.checks.subject import HostFacts, Toolkit
from rkops.core.outcome import Outcome, Severity, Status
from rkops.facts.board import LibraryCopy, Mapping, Runtime, ServerProcess, Version
from rkops.facts.fact import Absent, Present
from tests.unit.checks.profiles import (
    LIB,
    changed,
    copy,
    fired,
    healthy,
    mentions,
    run,
    two_runtimes,
    unknown,
)

OLD = "/opt/app/lib/librknnrt.so"


def libraries(*copies, loaded=LIB):
    at = Present(loaded) if isinstance(loaded, str) else loaded
    return changed(healthy(), runtime=Runtime(copies, at, Present(())))


def graded(outcome: Outcome) -> tuple[Status, Severity | None]:
    return outcome.status, outcome.severity


def test_no_runtime() -> None:
    outcome = run("RKN101", libraries(loaded=Absent("the loader's directories")))
    assert outcome.status is Status.FAIL
    assert outcome.commands
    assert run("RKN103", libraries(loaded=Absent())).status is Status.SKIP


def test_a_link_is_no_second_copy() -> None:
    link = copy("1.6.0")
    facts = libraries(copy(), type(link)("/lib/librknnrt.so", LIB, 1, link.version, "aarch64"))
    assert run("RKN102", facts).status is Status.PASS


def test_a_copy_for_another_machine_does_not_count() -> None:
    facts = libraries(copy(), copy("1.6.0", "/usr/lib32/librknnrt.so", "arm"))
    assert run("RKN102", facts).status is Status.PASS


def test_a_32_bit_user_land_on_a_64_bit_kernel() -> None:
    facts = libraries(copy(machine="arm"), copy("1.6.0", OLD, "aarch64"))
    assert run("RKN104", facts).status is Status.PASS
    assert run("RKN102", facts).status is Status.PASS


def test_an_older_copy_that_does_not_load_is_a_warning() -> None:
    outcome = run("RKN102", libraries(copy(), copy("1.6.0", OLD)))
    assert graded(outcome) == (Status.FAIL, None)
    assert mentions(outcome, OLD, "1.6.0", "2.3.2 (this one loads)")
    assert outcome.commands[0] == f"sudo rm {OLD}"


def test_an_older_copy_that_loads_is_an_error_when_a_version_is_wanted() -> None:
    facts = libraries(copy(), copy("1.6.0", OLD), loaded=OLD)
    assert graded(run("RKN102", facts)) == (Status.FAIL, Severity.ERROR)
    assert graded(run("RKN102", facts, sdk=None)) == (Status.FAIL, None)
    assert graded(run("RKN102", facts, sdk=None, strict=True)) == (Status.FAIL, Severity.ERROR)


def test_the_loaded_copy_counts_not_the_one_in_usr_lib() -> None:
    outcome = run("RKN103", two_runtimes())
    assert mentions(outcome, "1.6.0", "2.3.2", "/usr/local/lib")
    assert run("RKN103", two_runtimes(), sdk="1.6.0").status is Status.PASS
    assert run("RKN103", two_runtimes(), sdk=None).status is Status.SKIP


def test_a_local_part_is_no_difference() -> None:
    assert run("RKN103", libraries(copy("2.3.2+429f97ae"))).status is Status.PASS


def test_loader_not_asked_but_one_version_only() -> None:
    facts = libraries(copy(), copy("2.3.2", OLD), loaded=unknown())
    assert run("RKN103", facts).status is Status.PASS
    mixed = libraries(copy(), copy("1.6.0", OLD), loaded=unknown())
    outcome = run("RKN103", mixed)
    assert outcome.status is Status.SKIP
    assert "root" in outcome.hint


def test_only_a_library_for_another_machine() -> None:
    facts = libraries(copy(machine="arm"), loaded=Absent())
    assert run("RKN104", facts).status is Status.FAIL
    assert run("RKN101", facts).status is Status.SKIP
    assert run("RKN105", facts).status is Status.SKIP


def broken(size: int = 0, machine: str = "", path: str = LIB) -> LibraryCopy:
    return LibraryCopy(path, path, size, Absent(f"version text in {path}"), machine)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (broken(), "is empty"),
        (broken(131), "131 bytes that are no ELF file"),
        (broken(1_600_000, "aarch64"), "another library"),
    ],
    ids=["empty", "Git LFS pointer", "libc"],
)
def test_a_file_that_is_no_librknnrt_is_found(bad: LibraryCopy, words: str) -> None:
    for facts in (libraries(bad), libraries(bad, loaded=unknown())):
        assert mentions(run("RKN104", facts), LIB, words)
    assert run("RKN103", libraries(bad)).status is Status.FAIL
    assert run("RKN103", libraries(bad), sdk=None).status is Status.SKIP
    assert fired(libraries(bad), sdk=None) == {"RKN104"}


def test_a_broken_copy_beside_the_one_that_loads_is_not_the_boards_trouble() -> None:
    facts = libraries(copy(), broken(path=OLD))
    assert run("RKN104", facts).status is Status.PASS
    assert run("RKN104", libraries(copy(path=OLD), broken())).status is Status.FAIL


def test_a_library_that_may_not_be_read_is_not_broken() -> None:
    closed = LibraryCopy(LIB, LIB, 7_000_000, unknown(), "")
    assert run("RKN104", libraries(closed)).status is Status.PASS
    assert run("RKN103", libraries(closed)).status is Status.SKIP


def test_without_python_the_machine_is_not_known() -> None:
    facts = changed(libraries(broken(7_000_000)), by="sh")
    assert mentions(run("RKN104", facts), "another library, or a damaged one")


def test_the_loader_finds_none() -> None:
    facts = libraries(copy(path=OLD), loaded=Absent("ld.so.cache"))
    assert mentions(run("RKN105", facts), OLD)
    assert run("RKN101", facts).status is Status.PASS


def test_a_program_with_a_copy_of_its_own() -> None:
    used = Present((Mapping(77, "demo", OLD, deleted=False),))
    facts = changed(libraries(copy(), copy("1.6.0", OLD)), runtime__mapped=used)
    assert mentions(run("RKN106", facts), "demo (77)", "1.6.0")


def test_server_missing_and_not_running() -> None:
    gone = changed(
        healthy(), server__file=Absent(), server__version=Absent(), server__processes=Present(())
    )
    assert run("RKN110", gone).status is Status.FAIL
    assert run("RKN111", gone).status is Status.SKIP
    assert run("RKN112", gone).status is Status.SKIP
    stopped = changed(healthy(), server__processes=Present(()))
    assert run("RKN110", stopped).status is Status.PASS
    assert run("RKN111", stopped).status is Status.FAIL


@pytest.mark.parametrize(
    ("starter", "command"),
    [
        ("loop", "sudo restart_rknn.sh"),
        ("systemd:rknn.service", "sudo systemctl start rknn.service"),
        ("init:/etc/init.d/rknn_server", "sudo /etc/init.d/rknn_server start"),
        ("hand", "sudo sh -c '/usr/bin/rknn_server >/dev/null 2>&1 &'"),
    ],
)
def test_a_stopped_server_is_started_the_board_s_own_way(starter: str, command: str) -> None:
    stopped = changed(healthy(), server__processes=Present(()), server__starter=Present(starter))
    assert run("RKN111", stopped).commands == (command,)


def test_processes_that_cannot_be_seen_are_not_missing() -> None:
    facts = changed(healthy(), server__processes=unknown())
    for code in ("RKN111", "RKN113", "RKN114"):
        outcome = run(code, facts)
        assert outcome.status is Status.SKIP
        assert outcome.hint == "needs root on the board"


def test_server_of_another_version() -> None:
    other = Present(Version("1.6.0"), "/usr/bin/rknn_server")
    facts = changed(healthy(), server__version=other)
    assert graded(run("RKN112", facts)) == (Status.FAIL, Severity.ERROR)
    assert graded(run("RKN112", facts, sdk=None)) == (Status.FAIL, None)


def test_replaced_under_the_server() -> None:
    stale = ServerProcess(9, "root", "/usr/bin/rknn_server", (LIB,))
    outcome = run("RKN113", changed(healthy(), server__processes=Present((stale,))))
    assert mentions(outcome, LIB, "9")
    assert outcome.fix is not None


@pytest.mark.parametrize(
    ("starter", "words"),
    [
        ("loop", ["sudo kill 9"]),
        ("systemd:rknn.service", ["sudo systemctl restart rknn.service"]),
        ("init:/etc/init.d/rknn_server", ["sudo /etc/init.d/rknn_server restart"]),
        ("init:/etc/rc.local", ["/proc/9/cmdline", "kill 9", "$run"]),
        ("hand", ["/proc/9/cmdline", "kill 9", "$run"]),
    ],
)
def test_a_restart_ends_with_a_server_that_runs(starter: str, words: list[str]) -> None:
    stale = ServerProcess(9, "root", "/usr/bin/rknn_server", (LIB,))
    facts = changed(
        healthy(), server__processes=Present((stale,)), server__starter=Present(starter)
    )
    [command] = run("RKN113", facts).commands
    assert all(word in command for word in words)


@pytest.mark.parametrize(("by", "needs"), [("sh", "python3"), ("agent", "root on the board")])
def test_files_that_were_not_looked_at_say_what_it_takes(by: str, needs: str) -> None:
    closed = ServerProcess(9, "root", "/usr/bin/rknn_server", (), readable=False)
    outcome = run("RKN113", changed(healthy(), by=by, server__processes=Present((closed,))))
    assert (outcome.status, outcome.hint) == (Status.SKIP, f"needs {needs}")


def test_deleted_is_not_replaced() -> None:
    exe = "/usr/bin/rknn_server"
    running = ServerProcess(9, "root", exe, (), gone=(LIB, exe))
    facts = changed(
        libraries(loaded=Absent()), server__file=Absent(), server__processes=Present((running,))
    )
    assert run("RKN113", facts).status is Status.PASS
    assert mentions(run("RKN110", facts), "was deleted")
    assert run("RKN101", facts).status is Status.FAIL


def test_two_servers() -> None:
    one = ServerProcess(9, "root", "/usr/bin/rknn_server", ())
    two = ServerProcess(12, "root", "/opt/rknn_server", ())
    facts = changed(healthy(), server__processes=Present((one, two)))
    assert mentions(run("RKN114", facts), "/opt/rknn_server")
    assert run("RKN114").status is Status.PASS


@pytest.mark.parametrize(
    ("driver", "severity"),
    [
        ("0.7.2", Severity.ERROR),
        ("0.8.2", Severity.WARNING),
        ("0.9.0", Severity.INFO),
        ("0.9.8", None),
    ],
)
def test_driver_age(driver: str, severity: Severity | None) -> None:
    outcome = run("RKN121", changed(healthy(), npu__driver=Present(driver)))
    assert outcome.severity == severity
    assert (outcome.status is Status.PASS) == (severity is None)


def test_unreadable_driver_is_not_an_absent_one() -> None:
    facts = changed(healthy(), npu__driver=unknown())
    assert run("RKN121", facts).status is Status.SKIP
    assert run("RKN120", facts).status is Status.PASS


def test_no_driver_on_a_vendor_kernel() -> None:
    facts = changed(healthy(), npu__driver=Absent(), npu__kernel_driver=Absent())
    assert run("RKN120", facts).status is Status.FAIL
    assert run("RKS110", facts).status is Status.PASS


def test_no_driver_on_a_mainline_kernel() -> None:
    facts = changed(
        healthy(),
        npu__driver=Absent(),
        npu__kernel_driver=Present("rocket"),
        system__kernel=Present("6.18.1"),
    )
    assert run("RKN120", facts).status is Status.SKIP
    assert mentions(run("RKS110", facts), "rocket", "6.18.1")


def test_vendor_driver_as_a_module_of_another_kernel() -> None:
    facts = changed(healthy(), system__kernel=Present("6.18.1"))
    assert run("RKS110", facts).status is Status.PASS


def test_multicore_drivers() -> None:
    bad = changed(healthy(), npu__driver=Present("0.9.3"), system__kernel=Present("6.1.43-rk"))
    assert mentions(run("RKN122", bad), "0.9.3", "6.1.43")
    assert run("RKN122").status is Status.PASS


def test_node_not_usable() -> None:
    facts = changed(healthy(), npu__nodes_usable=Present(False))
    assert mentions(run("RKN123", facts), "/dev/dri/renderD129")


def test_toolkits() -> None:
    assert run("RKN130").status is Status.SKIP
    other = HostFacts(toolkits=(Toolkit("/opt/tk/bin/python", "2.5.0"),))
    assert mentions(run("RKN130", host=other), "2.5.0", "2.3.2")
    assert run("RKN130", host=other, strict=True).severity is Severity.ERROR
    same = HostFacts(toolkits=(*other.toolkits, Toolkit("/opt/b/bin/python", "2.3.2+x")))
    assert run("RKN130", host=same).status is Status.PASS
