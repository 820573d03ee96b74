"""Man pages and completions: one for each command, and such that the tools take them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgepose.cli import COMMANDS
from edgepose.cli.shell_files import pages, write


@pytest.fixture(scope="module")
def share(tmp_path_factory):
    """Return a share folder with every file."""
    folder = tmp_path_factory.mktemp("share")
    write(folder)
    return folder


def tool(name):
    """Return the path of a tool; CI has each."""
    found = shutil.which(name)
    if found is None:
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent(f"{name} is missing: apt-get install groff-base bash")
    return found


def test_every_command_has_a_page_with_its_options_and_examples(share):
    """Those of groups as well."""
    names = {path.stem for path in (share / "man/man1").iterdir()}
    assert {f"edgepose-{name}" for name in COMMANDS} < names
    assert {"edgepose", "edgepose-models-pull", "edgepose-exercise-test"} < names
    for name, text in pages():
        assert ".SH EXAMPLES" in text, name
        assert "\\-h, \\-\\-help" in text, name


def test_groff_has_nothing_to_complain_of(share):
    """All pages at once, with every warning on."""
    command = [tool("groff"), "-K", "utf8", "-ww", "-man", "-Tutf8", "-z"]
    done = subprocess.run(
        [*command, *sorted((share / "man/man1").iterdir())],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""


def test_bash_takes_its_completion(share):
    """The other shells get theirs from the same templates."""
    script = share / "bash-completion/completions/edgepose"
    subprocess.run([tool("bash"), "-n", script], check=True)
    assert (share / "zsh/site-functions/_edgepose").read_text().startswith("#compdef edgepose")
    assert "complete" in (share / "fish/vendor_completions.d/edgepose.fish").read_text()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("edgepose mo", "models"),
        ("edgepose models pull movenet-th", "movenet-thunder-int8"),
        ("edgepose exercise show squ", "squat"),
        ("edgepose template show arms", "arms_up"),
        ("edgepose run --rec", "--record"),
    ],
)
def test_the_tab_key_offers_commands_options_and_names(words, offered):
    """As bash asks for them."""
    asked = {
        "_EDGEPOSE_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-m", "edgepose"],
        env=os.environ | asked, capture_output=True, text=True, check=True, timeout=120,
        cwd=Path(__file__).parent,
    )  # fmt: skip
    assert f"plain,{offered}" in done.stdout.splitlines()
