"""Checks of the disk and of what is remembered."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import pytest

from edgepose.doctor import storage as checks
from edgepose.doctor.finding import Intent

PLAN = Intent()
Usage = namedtuple("Usage", "total used free")


def folder() -> Path:
    """Return where a service keeps its state."""
    return Path("/var/lib/edgepose")


@pytest.mark.parametrize(("free_mb", "status"), [(20, "fail"), (300, "warn"), (9000, "ok")])
def test_room_is_measured_where_edgepose_writes(debian, free_mb, status):
    """At the nearest folder that exists."""
    (debian.root / "var").mkdir()
    asked = []

    def usage(path: Path) -> Usage:
        asked.append(path)
        return Usage(0, 0, free_mb << 20)

    found = checks.room(debian.system, PLAN, folder, usage)
    assert found.status == status
    assert f"{free_mb:,} MB are free at /var" in found.sentence
    assert asked == [debian.root / "var"]


def test_a_disk_that_cannot_be_measured_is_left_out(debian):
    """No crash, no figure."""

    def usage(path: Path) -> Usage:
        raise PermissionError

    assert checks.room(debian.system, PLAN, folder, usage) is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/dev/root / ext4 rw,noatime 0 0", "ext4, can be written"),
        ("/dev/root / ext4 ro,noatime 0 0", "read-only"),
        ("overlay / overlay rw,lowerdir=/ro 0 0", "lost at a reboot"),
    ],
)
def test_a_root_that_forgets_is_named(debian, line, words):
    """It is a way to run an appliance, not a mistake; the last mount counts."""
    debian.write("proc/mounts", f"rootfs / rootfs rw 0 0\n{line}\n")
    found = checks.root(debian.system, PLAN)
    assert found.status == "ok"
    assert words in found.sentence
    debian.write("proc/mounts", "")
    assert checks.root(debian.system, PLAN) is None


def test_the_state_folder_can_be_written_or_made(debian):
    """It need not exist yet."""
    (debian.root / "var/lib").mkdir(parents=True)
    assert checks.state(debian.system, PLAN, folder).sentence.endswith("can be created")
    (debian.root / "var/lib/edgepose").mkdir()
    assert checks.state(debian.system, PLAN, folder).sentence.endswith("can be written")


def test_a_folder_that_may_not_be_looked_into_is_no_crash(debian, monkeypatch):
    """Somebody else's home: the way up ends at a folder that is there, and may not be written."""
    monkeypatch.setattr(checks.os.path, "exists", lambda path: path == debian.root)
    debian.changes["access"] = lambda path, mode: False
    assert checks.state(debian.system, PLAN, folder).status == "fail"


def test_a_state_folder_that_cannot_be_written_fails(debian):
    """A file in its place, or no permission."""
    debian.write("var/lib/edgepose", "a file")
    found = checks.state(debian.system, PLAN, folder)
    assert (found.status, found.remedy) == ("fail", "sudo install -d -o pi /var/lib/edgepose")
    (debian.root / "var/lib/edgepose").unlink()
    debian.changes["access"] = lambda path, mode: False
    assert checks.state(debian.system, PLAN, folder).status == "fail"
