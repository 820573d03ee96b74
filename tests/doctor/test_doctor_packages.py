"""Checks of Python packages: absent, broken, slow, and not made for this numpy."""

from __future__ import annotations

import subprocess

import pytest

from edgepose.doctor import packages as checks
from edgepose.doctor.finding import Intent

PLAN = Intent()
PYTHON = "/venv/bin/python"
ABI = (
    "Traceback (most recent call last):\n  File ...\nValueError: numpy.dtype size changed, may "
    "indicate binary incompatibility. Expected 96 from C header, got 88 from PyObject\n"
)


def test_the_best_interpreter_is_fine(debian):
    """Its version is told."""
    found = checks.interpreter(debian.system, PLAN)
    assert (found.status, found.sentence) == ("ok", "ai-edge-litert 2.3.0")


def test_no_interpreter_fails_with_the_line_that_brings_it(debian):
    """The line installs into this environment, not into another one."""
    debian.versions.pop("ai-edge-litert")
    found = checks.interpreter(debian.system, PLAN)
    assert found.status == "fail"
    assert found.remedy == f"{PYTHON} -m pip install ai-edge-litert"


def test_the_old_interpreter_fails_with_numpy_2_before_anything_is_tried(debian):
    """tflite-runtime 2.14 can be imported then, and only fails later."""
    debian.versions = {"tflite-runtime": "2.14.0", "numpy": "2.4.6"}
    found = checks.interpreter(debian.system, PLAN)
    assert found.status == "fail"
    assert "numpy 2.4.6" in found.sentence
    assert not debian.asked


def test_the_old_interpreter_is_slow_with_numpy_1(debian):
    """It works; int8 models take several times longer."""
    debian.versions = {"tflite-runtime": "2.14.0", "numpy": "1.26.4"}
    debian.answer(f"{PYTHON} -P -c import tflite_runtime", 0)
    assert checks.interpreter(debian.system, PLAN).status == "warn"


def test_an_interpreter_that_crashes_is_named(debian):
    """A child's signal becomes words."""
    debian.answer(f"{PYTHON} -P -c import ai_edge_litert", -11)
    found = checks.interpreter(debian.system, PLAN)
    assert found.status == "fail"
    assert "Segmentation fault" in found.sentence


def test_opencv_tells_both_versions(debian):
    """It is tried with an array of this numpy's."""
    assert checks.opencv(debian.system, PLAN).sentence == "OpenCV 4.13.0 works with numpy 2.4.6"


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (ABI, f"{PYTHON} -m pip install 'numpy<2'"),
        ("ImportError: libGL.so.1: cannot open shared object file: No such file\n",
         f"{PYTHON} -m pip install --force-reinstall opencv-python-headless"),
    ],
)  # fmt: skip
def test_a_broken_opencv_is_told_from_a_wrong_numpy(debian, error, remedy):
    """The last line says which of the two it is; the traceback is not shown."""
    debian.answer(f"{PYTHON} -P -c import cv2", 1, "", error)
    found = checks.opencv(debian.system, PLAN)
    assert (found.status, found.remedy) == ("fail", remedy)
    assert "Traceback" not in found.sentence


def test_av_matters_where_it_is_used(debian, planned):
    """A missing PyAV fails for a USB camera and is a warning otherwise."""
    debian.answer(f"{PYTHON} -P -c import av", 1, "", "ModuleNotFoundError: No module named 'av'")
    assert checks.av(debian.system, planned("{type: v4l2}")).status == "fail"
    assert checks.av(debian.system, planned()).status == "warn"
    assert checks.av(debian.system, PLAN).status == "warn"


def test_what_is_not_installed_is_listed(debian, monkeypatch):
    """Extras don't count."""
    required = ["click>=8.1", "aiohttp>=3.9", 'torch>=2.3; extra == "train"']
    monkeypatch.setattr(checks.metadata, "requires", lambda name: required)
    debian.versions["click"] = "8.1"
    found = checks.others(debian.system, PLAN)
    assert found.remedy == f"{PYTHON} -m pip install aiohttp"
    debian.versions["aiohttp"] = "3.9"
    assert checks.others(debian.system, PLAN).status == "ok"


def test_picamera2_is_of_interest_on_a_pi_or_when_configured(debian, pi4, planned):
    """Elsewhere nobody misses it."""
    assert checks.picamera2(pi4.system, PLAN).status == "ok"
    assert checks.picamera2(pi4.system, planned("{type: v4l2}")) is None
    pi4.changes["root"] = pi4.root / "elsewhere"
    assert checks.picamera2(pi4.system, PLAN) is None
    del pi4.answers[f"{PYTHON} -P -c import picamera2"]
    assert checks.picamera2(pi4.system, planned("{type: picamera2}")).status == "fail"


def test_a_package_of_raspberry_pi_os_is_offered_where_apt_has_it(debian, planned):
    """Plain Debian has no picamera2: a command that fails is no way out."""
    debian.answer(f"{PYTHON} -P -c import picamera2", 1, "", "No module named 'picamera2'\n")
    plan = planned("{type: picamera2}")
    for answer in (None, (100, "", "E: No packages found\n")):
        if answer:
            debian.answer("apt-cache show python3-picamera2", *answer)
        remedy = checks.picamera2(debian.system, plan).remedy
        assert remedy.startswith("use Raspberry Pi OS: its package python3-picamera2 is not in")
        assert remedy.endswith("or use a USB camera (source.type: v4l2)")
    debian.answer("apt-cache show python3-picamera2", 0, "Package: python3-picamera2\n")
    assert checks.picamera2(debian.system, plan).remedy == "sudo apt install -y python3-picamera2"


def test_three_ways_to_miss_picamera2_have_three_remedies(pi4):
    """Not installed, hidden by the virtual environment, built for another numpy."""
    missing = "ModuleNotFoundError: No module named 'picamera2'\n"
    pi4.answer(f"{PYTHON} -P -c import picamera2", 1, "", missing)
    assert checks.picamera2(pi4.system, PLAN).remedy == "sudo apt install -y python3-picamera2"
    (pi4.root / "usr/lib/python3/dist-packages/picamera2").mkdir(parents=True)
    hidden = checks.picamera2(pi4.system, PLAN)
    assert hidden.remedy == "python3 -m venv --upgrade --system-site-packages /venv"
    pi4.answer(f"{PYTHON} -P -c import picamera2", 1, "", ABI)
    assert "'numpy<2'" in checks.picamera2(pi4.system, PLAN).remedy
    pi4.answer(f"{PYTHON} -P -c import picamera2", 1, "", "ImportError: libcamera.so.0.5: no such")
    assert "--reinstall" in checks.picamera2(pi4.system, PLAN).remedy


def test_a_desktop_wants_the_package_for_windows(debian, planned):
    """It fails only where the window was asked for by name."""
    debian.changes["environ"] = {"DISPLAY": ":0"}
    asked = planned(outputs="{screen: {type: hdmi, sink: sdl}}")
    auto = planned(outputs="{screen: {type: hdmi}}")
    assert checks.desktop(debian.system, asked).status == "fail"
    assert checks.desktop(debian.system, auto).status == "warn"
    debian.versions["pygame-ce"] = "2.5.8"
    assert checks.desktop(debian.system, auto).status == "ok"
    debian.changes["environ"] = {}
    assert checks.desktop(debian.system, auto) is None


def test_an_import_that_hangs_is_no_hang(debian):
    """A child that does not end is given up."""

    def hang(command, **settings):
        raise subprocess.TimeoutExpired(command, settings["timeout"])

    debian.changes["run"] = hang
    assert checks.import_fault(debian.system, "av").startswith("it hangs")


def test_a_python_that_may_not_be_run_is_no_hang(debian):
    """An environment in somebody else's home folder."""
    debian.answers.clear()
    assert checks.import_fault(debian.system, "av") == "Python can't be started"


@pytest.mark.parametrize(
    ("ours", "theirs", "status"),
    [
        ("2.4.6", "", "ok"),
        ("1.26.4", "1.24.2", "ok"),
        ("2.4.6", "2.2.4", "ok"),
        ("2.4.6", "1.24.2", "warn"),
    ],
)
def test_numpy_is_compared_with_that_of_apts_compiled_packages(debian, ours, theirs, status):
    """What was compiled for numpy 1 can't be loaded beside numpy 2."""
    debian.versions["numpy"] = ours
    if theirs:
        debian.write(f"usr/lib/python3/dist-packages/numpy-{theirs}.egg-info")
    found = checks.numpy(debian.system, PLAN)
    assert (found.status, ours in found.sentence, theirs in found.sentence) == (status, True, True)
    assert ("'numpy<2'" in found.remedy) is (status == "warn")


def test_tflite_runtime_alone_is_enough(debian):
    """Another interpreter in the place of the one that is required: nothing fails."""
    required = [name for name in checks._required() if name != "ai-edge-litert"]
    debian.versions.clear()
    debian.versions.update(dict.fromkeys(required, "1.0"), **{"tflite-runtime": "2.14.0"})
    debian.versions["numpy"] = "1.26.4"
    debian.answer(f"{PYTHON} -P -c import tflite_runtime.interpreter", 0)
    assert checks.others(debian.system, PLAN).status == "ok"
    assert checks.interpreter(debian.system, PLAN).status == "warn"


def test_the_interpreter_that_the_configuration_names_is_checked(debian, planned):
    """It takes effect beside a better one, without a warning; missing, it fails."""
    plan = planned(model="{interpreter: tflite}")
    found = checks.interpreter(debian.system, plan)
    assert (found.status, "tflite-runtime" in found.remedy) == ("fail", True)
    debian.versions |= {"tflite-runtime": "2.14.0", "numpy": "1.26.4"}
    debian.answer(f"{PYTHON} -P -c import tflite_runtime.interpreter", 0)
    found = checks.interpreter(debian.system, plan)
    assert (found.status, found.sentence) == ("ok", "tflite-runtime 2.14.0")
