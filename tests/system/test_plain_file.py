"""Reading a file that somebody else named: a plain one, and no more of it than asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgepose.system import plain_file


@pytest.mark.parametrize(("name", "words"), [("/dev/zero", "a device"), ("pipe", "a pipe")])
def test_what_may_have_no_end_is_described_instead_of_read(tmp_path: Path, name: str, words: str):
    """Neither a device nor a pipe in a folder is opened, also behind a link."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(name)
    with pytest.raises(OSError, match=words):
        plain_file.read(tmp_path / "link")


def test_a_shells_own_pipe_is_read(tmp_path: Path):
    """`edgepose report <(zcat events.gz)` names /dev/fd/63, which ends with its command."""
    code = "from edgepose.system.plain_file import *; print(read(Path('/dev/stdin')))"
    shell = ["bash", "-c", f'printf events | {sys.executable} -c "{code}"']
    done = subprocess.run(shell, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "b'events'\n"


def test_a_file_that_is_too_long_is_not_kept(tmp_path: Path):
    """The limit is named; at the limit all is there."""
    path = tmp_path / "a"
    path.write_bytes(bytes(3 << 20))
    assert len(plain_file.read(path, 3 << 20)) == 3 << 20
    with pytest.raises(OSError, match="longer than 2 MB"):
        plain_file.read(path, 2 << 20)


def test_memory_is_taken_for_what_a_file_holds(tmp_path: Path):
    """A board with 1 GB has no 2 GB to give for a file of some bytes."""
    (tmp_path / "a").write_text("short")
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom edgepose.system import plain_file\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "print(plain_file.read(Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("b'short'\n", "")
