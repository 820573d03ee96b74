"""Damaged model files end in a working model, one sentence, or a crash that the probe contains.

Starting Python for each of 2,000 files would take a quarter of an hour, so one child that has
loaded the interpreter forks for each file; those that killed their fork go through the real probe.
`EDGEPOSE_TEST_ALL=1` tries all 2,000, otherwise every tenth.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from edgepose.errors import ModelError
from edgepose.runtimes.probe import probe

CASES = 2000 if os.environ.get("EDGEPOSE_TEST_ALL") else 200

FORKER = """
import json, os, resource, signal, sys
from edgepose.errors import ModelError
from edgepose.runtimes.interpreter import check_model_file, find_interpreter
from edgepose.runtimes.probe import MEMORY_BYTES
from edgepose.runtimes.probe import Trial, run_trial
from pathlib import Path

def child(path):
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(20)
    try:
        check_model_file(Path(path))
        run_trial(Trial(path), lambda stage: None)
    except ModelError as error:
        return 2 if chr(10) in str(error) or path not in str(error) else 1
    return 0

find_interpreter()
for path in sys.stdin.read().split():
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            code = child(path)
        except BaseException:
            code = 3
        os._exit(code)
    status = os.waitpid(pid, 0)[1]
    print(json.dumps([path, os.waitstatus_to_exitcode(status)]), flush=True)
"""


def ends(paths: list[Path]) -> dict[Path, int]:
    """Return how each file's child ended: 0 works, 1 refused in one sentence, < 0 killed."""
    told = subprocess.run(
        [sys.executable, "-c", FORKER],
        input="\n".join(map(str, paths)),
        capture_output=True,
        text=True,
        check=True,
    )
    return {Path(path): code for path, code in map(json.loads, told.stdout.splitlines())}


@pytest.mark.timeout(60 if CASES == 200 else 1800)
def test_damaged_models_harm_nobody(
    models: Path, tmp_path: Path, tiny: bytes, mutate: Callable[[bytes, int], bytes]
) -> None:
    """No file ends in anything but a model, a sentence, or a crash that `probe` reports."""
    names = ("yoga_pose_classifier_51in_5class_DERIVED", "posenet_mobilenet_050_stride16_int8")
    whole = [tiny, *((models / f"{name}.tflite").read_bytes() for name in names)]
    paths = []
    for seed in range(CASES):
        path = tmp_path / f"{seed}.tflite"
        path.write_bytes(mutate(whole[seed // 6 % len(whole)], seed))
        paths.append(path)
    outcome = ends(paths)
    counts = Counter("killed" if code < 0 else code for code in outcome.values())
    print(f"{CASES} damaged files: {dict(counts)} (0 works, 1 refused)")  # noqa: T201
    assert len(outcome) == CASES
    assert set(counts) <= {0, 1, "killed"}, [path for path, code in outcome.items() if code > 1]
    assert counts[0] > 0
    assert counts[1] > CASES / 4
    for path in [path for path, code in outcome.items() if code < 0]:
        with pytest.raises(ModelError, match=r"\.tflite: (crashed|hung)"):
            probe(path)
    for path in paths:
        path.unlink()  # a gigabyte that pytest would keep
