"""tflite-runtime as the only interpreter installed: it runs, with keypoints of its own.

It needs numpy 1, so it lives in an environment of its own: EDGEPOSE_TFLITE_PYTHON names its Python,
else one is made, which takes a minute or two.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
NEEDED = ("tflite-runtime==2.14.0", "numpy==1.26.4", "av", "click", "pillow", "pydantic", "pyyaml")
NEEDED += ("ruamel.yaml", "rich")
ALONE = ("opencv-python-headless==5.0.0.93",)  # its wheels ask for numpy 2, and run on numpy 1

# (y, x, score) of Coral's squat.bmp by movenet-lightning-int8, tflite-runtime 2.14.0 on x86-64.
# The integer kernels of ai-edge-litert round otherwise: up to 0.021 from these, scores up to 0.5.
SQUAT = (
    (0.34, 0.5894, 0.5695), (0.3196, 0.5944, 0.7538), (0.3155, 0.5645, 0.803),
    (0.3237, 0.5695, 0.4302), (0.3114, 0.5048, 0.7006), (0.4097, 0.5695, 0.5695),
    (0.3933, 0.4201, 0.7538), (0.508, 0.7089, 0.803), (0.5121, 0.5396, 0.7538),
    (0.4056, 0.689, 0.2991), (0.4179, 0.6392, 0.4998), (0.6268, 0.3703, 0.9054),
    (0.6022, 0.2558, 0.9054), (0.6514, 0.5844, 0.5695), (0.676, 0.4251, 0.7538),
    (0.8399, 0.5147, 0.4998), (0.8808, 0.3206, 0.844),
)  # fmt: skip

ESTIMATE = """
import json, sys
import cv2
from edgepose.appliance.model import load_model
from edgepose.config.model_section import ModelSection
model = load_model(ModelSection(name="movenet-lightning-int8", interpreter=sys.argv[2]))
(pose,) = model.estimate(cv2.cvtColor(cv2.imread(sys.argv[1]), cv2.COLOR_BGR2RGB))
print(json.dumps({"label": model.label, "keypoints": pose.keypoints.tolist()}))
"""


@pytest.fixture(scope="module")
def old_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a Python with tflite-runtime and no other interpreter."""
    given = os.environ.get("EDGEPOSE_TFLITE_PYTHON")
    if given:
        return given
    if sys.version_info >= (3, 12):
        pytest.skip("tflite-runtime 2.14 has no wheel for this Python")
    folder = tmp_path_factory.mktemp("tflite")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = str(folder / "bin" / "python")
    for packages in (NEEDED, ("--no-deps", *ALONE)):
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


@pytest.mark.parametrize("choice", ["auto", "tflite"])
def test_it_finds_its_own_reference_keypoints(old_python, choice, lightning, media):
    """Found without being named, and by its name; the model runs with XNNPACK."""
    photo = str(media / "stills" / "coral_squat.bmp")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "EDGEPOSE_MODEL_PATH": str(lightning.parent),
    }
    command = [old_python, "-c", ESTIMATE, photo, choice]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert "tflite-runtime 2.14.0" in found["label"]
    exact = platform.machine() == "x86_64"  # on ARM it differs by up to 22 pixels of 192
    np.testing.assert_allclose(
        np.array(found["keypoints"])[:, :2], np.array(SQUAT)[:, :2], atol=1e-4 if exact else 0.12
    )
    if exact:
        np.testing.assert_allclose(
            np.array(found["keypoints"])[:, 2], [k[2] for k in SQUAT], atol=1e-4
        )


def test_another_interpreter_is_missed_by_name(old_python, lightning, media):
    """What is named and absent is an error with the way out, not a fallback."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "EDGEPOSE_MODEL_PATH": str(lightning.parent),
    }
    command = [old_python, "-c", ESTIMATE, str(media / "stills" / "coral_squat.bmp"), "litert"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "model.interpreter is litert, but ai-edge-litert is not installed" in done.stderr
