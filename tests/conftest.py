"""Find the real models and media that tests run on, and say clearly when they are absent.

`EDGEPOSE_MODEL_PATH` and `EDGEPOSE_TEST_MEDIA` name the folders; `scripts/test` sets both. In CI
(`CI` set) an absent folder is an error; in a user's clone such tests skip with one line.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import hypothesis
import pytest

from edgepose.cli import main

sys.path.append(str(Path(__file__).parent / "rigs"))

from compiled import compiled

# A busy machine is no fault of what is tested; pytest's own time limit ends what hangs.
hypothesis.settings.register_profile("edgepose", deadline=None)
hypothesis.settings.load_profile("edgepose")


def _folder(variable: str) -> Path:
    value = os.environ.get(variable, "")
    folder = Path(value.split(os.pathsep)[0]) if value else None
    if folder is None or not folder.is_dir():
        _absent(f"{variable} names no folder ({value or 'not set'}): real-data tests can't run")
    return folder


def _absent(message: str) -> NoReturn:
    """Skip with one line; fail in CI, where nothing that a test needs may be missing."""
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture(autouse=True)
def own_session(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every test report its runs, and keep its state, in a place of its own."""
    if "XDG_RUNTIME_DIR" not in os.environ:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("session")))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


@pytest.fixture(scope="session")
def models() -> Path:
    """Return the folder of real model files and their reference outputs."""
    return _folder("EDGEPOSE_MODEL_PATH")


@pytest.fixture(scope="session")
def media() -> Path:
    """Return the folder of real photos and clips: `stills/`, `clips/`."""
    return _folder("EDGEPOSE_TEST_MEDIA")


@pytest.fixture(scope="session")
def lightning(models: Path) -> Path:
    """Return MoveNet Lightning int8, the model most real-data tests use."""
    return models / "movenet_single_pose_lightning_ptq.tflite"


@dataclass(frozen=True)
class Said:
    """Hold what a command answered."""

    code: int
    out: str
    err: str


@pytest.fixture
def edgepose_command(monkeypatch, capsys) -> Callable[..., Said]:
    """Return a function that runs `edgepose ARGS` in this process."""

    def call(*args: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["edgepose", *map(str, args)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return call


CHIP: Final = """
enum { CRASH_AT_END = %d };
#include <stdlib.h>
#include <fcntl.h>
#include <unistd.h>
typedef void (*Report)(const char*);
static int prepare(void* context, void* delegate) { return 0; }
void* tflite_plugin_create_delegate(char** keys, char** values, size_t count, Report report) {
    %s
}
void tflite_plugin_destroy_delegate(void* delegate) { if (CRASH_AT_END) abort(); free(delegate); }
"""  # the four entry points of TFLite's external delegate interface, as far as they matter
CHIPS: Final = {
    "accepts": """
        struct { void* data; void* prepare; void* rest[30]; }* made = calloc(1, sizeof *made);
        made->prepare = prepare;
        return made;
    """,
    "refuses": 'report(count ? values[0] : "no device"); return NULL;',
    "crashes": "*(volatile int*)0 = 1; return NULL;",
    "hangs": "for (;;) pause(); return NULL;",
    "aborts": "abort(); return NULL;",
}


@pytest.fixture(scope="session")
def plug_in(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Return a compiler of stand-ins for libedgetpu: by a name in CHIPS, or by the C of a body."""
    if shutil.which("cc") is None:
        _absent("no C compiler: the stand-in delegates can't be built")
    folder = tmp_path_factory.mktemp("plug-ins")

    def build(body: str, crash_at_end: bool = False) -> str:
        source = folder / f"plug_in_{len(list(folder.iterdir()))}.c"
        source.write_text(CHIP % (crash_at_end, CHIPS.get(body, body)))
        return str(compiled(folder, source))

    return build
