"""The cache of arm64 roots: nothing half-written stays, and every refusal says what to do."""

import fcntl
import shutil

import pytest

from rkops.core.deadline import Deadline
from rkops.core.errors import LabError
from rkops.lab.arm64.build import MIRROR_VARIABLE, find_mirror, missing_packages
from rkops.lab.arm64.rootfs import RECIPE, ensure_root, recipe_key
from tests.arm64.needs import go_without


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_the_key_follows_the_recipe():
    assert len(recipe_key()) == 12
    assert recipe_key() == recipe_key()
    assert {"build", "fixup"} <= set(RECIPE)


def test_an_unpacked_root_is_taken_as_it_is(tmp_path):
    tree = tmp_path / f"{recipe_key()}-bookworm"
    tree.mkdir()
    assert ensure_root(cache=tmp_path) == tree
    assert names(tmp_path) == [tree.name]


def test_a_damaged_archive_is_thrown_away(tmp_path):
    if shutil.which("zstd") is None:
        go_without("zstd is missing")
    archive = tmp_path / f"{recipe_key()}-bookworm.tar.zst"
    archive.write_bytes(b"\x28\xb5\x2f\xfd not an archive")
    with pytest.raises(LabError, match="cannot unpack") as caught:
        ensure_root(cache=tmp_path)
    assert "run again" in caught.value.hint
    assert names(tmp_path) == [f"{recipe_key()}-bookworm.lock"]


def test_two_builders_do_not_meet(tmp_path):
    held = tmp_path / f"{recipe_key()}-bookworm.lock"
    with held.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(LabError, match="another process is building"):
            ensure_root(cache=tmp_path, deadline=Deadline.after(0.3))


def test_an_unknown_suite_names_those_there_are(tmp_path):
    with pytest.raises(LabError, match="'potato'") as caught:
        ensure_root("potato", cache=tmp_path)
    assert "bookworm" in caught.value.hint


def test_a_cache_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LabError, match="cannot keep") as caught:
        ensure_root(cache=tmp_path / "file" / "below")
    assert "XDG_CACHE_HOME" in caught.value.hint


def test_the_named_mirror_wins(monkeypatch):
    monkeypatch.setenv(MIRROR_VARIABLE, "file:///srv/debian")
    assert find_mirror() == "file:///srv/debian"


def test_a_machine_without_apt_is_told_what_to_set(monkeypatch, tmp_path):
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match="no Debian mirror") as caught:
        find_mirror()
    assert MIRROR_VARIABLE in caught.value.hint


@pytest.mark.arm64
def test_a_mirror_out_of_reach_is_one_clear_error(monkeypatch, tmp_path):
    if missing := missing_packages():
        go_without(f"missing: {' '.join(missing)}")
    monkeypatch.setenv(MIRROR_VARIABLE, "http://127.0.108.254:9/debian")
    with pytest.raises(LabError, match="cannot be reached") as caught:
        ensure_root("trixie", cache=tmp_path)
    key = f"{recipe_key()}-trixie"
    assert str(tmp_path / f"{key}.log") in caught.value.hint
    assert names(tmp_path) == [f"{key}.lock", f"{key}.log"]
