"""From configuration to model: names, paths, the Edge TPU and what stands in for it."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from edgepose.appliance import model as model_module
from edgepose.appliance.model import LoadedModel, best_model, load_model
from edgepose.config.model_section import ModelSection
from edgepose.engine.failover import FailoverRuntime
from edgepose.errors import ModelError, RuntimeLost, UserError
from edgepose.imaging import read_image
from edgepose.modelstore import search
from edgepose.modelstore.manifest import manifest
from edgepose.runtimes import edgetpu
from edgepose.runtimes.litert import LiteRT
from edgepose.types import Frame

IMAGE = np.zeros((48, 64, 3), np.uint8)


@pytest.fixture
def opened(lightning):
    """Return a maker of eyes from a model section; all are closed at the end."""
    made: list[LoadedModel] = []

    def make(**section) -> LoadedModel:
        made.append(load_model(ModelSection(**section)))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def cpu_file_as_tpu_build(monkeypatch, lightning):
    """Let the CPU file stand in the Edge TPU slot: a stand-in chip can't run a compiled model."""
    real = search.find

    def find(name):
        return real("movenet-lightning-int8" if str(name).endswith("-edgetpu") else name)

    monkeypatch.setattr(model_module, "find", find)


def test_the_best_model_at_hand_is_used_without_being_asked(opened):
    """Without a word in the configuration MoveNet is taken where it is."""
    assert opened().file.name == "movenet-lightning-int8"
    assert opened().label.startswith("movenet-lightning-int8 (")


def test_without_movenet_the_bundled_model_is_next(monkeypatch):
    """Only what is on disk is chosen; with nothing there, the name to pull."""
    at_hand = {"edgepose-nano"}
    monkeypatch.setattr(
        model_module, "manifest", lambda: dict.fromkeys(["movenet-lightning-int8", "edgepose-nano"])
    )
    monkeypatch.setattr(model_module, "locate", lambda entry: bool(at_hand))
    assert best_model(("edgepose-nano", "movenet-lightning-int8")) == "edgepose-nano"
    at_hand.clear()
    assert best_model() == "movenet-lightning-int8"


def test_the_configured_resize_is_used(opened):
    """`resize: fast` gives the network other pixels than the exact default."""
    frame = Frame(np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8), 0.0, 0)
    tensors = [opened(resize=way).detector.prepare(frame).tensor for way in ("exact", "fast")]
    assert (tensors[0] != tensors[1]).any()
    default = opened().detector.prepare(frame).tensor
    np.testing.assert_array_equal(default, tensors[0])


def test_a_path_is_a_model_too(opened, lightning, media):
    """A file of one's own is recognised from its tensors."""
    image = read_image(media / "stills" / "tfexamples" / "image1.png")
    assert len(opened(path=lightning).estimate(image)) == 1


def test_each_worker_gets_an_interpreter(opened):
    """Throughput mode opens the model as often as asked."""
    assert len(opened(workers=2).detector.runtimes) == 2


def test_min_score_overrides_the_familys_own(opened):
    """Somebody who wants to see doubtful people can."""
    assert opened(min_score=0.05).detector.family.min_score == 0.05


def test_auto_needs_a_chip_that_is_plugged_in(opened, monkeypatch, caplog):
    """Without an Edge TPU auto is the CPU, and nothing is tried or said."""
    monkeypatch.setattr(model_module, "list_edge_tpus", lambda: ())
    assert not isinstance(opened().detector.runtimes[0], FailoverRuntime)
    assert caplog.text == ""


def test_auto_tries_a_chip_that_is_there(opened, monkeypatch, cpu_file_as_tpu_build, plug_in):
    """With one plugged in and the build at hand, the Edge TPU is the first candidate."""
    monkeypatch.setattr(model_module, "list_edge_tpus", lambda: ("usb",))
    failover = opened(library=plug_in("accepts")).detector.runtimes[0]
    assert isinstance(failover, FailoverRuntime)
    assert failover.current == "Edge TPU"


def test_a_chip_that_accepts_is_used(opened, cpu_file_as_tpu_build, plug_in, media):
    """The delegate is loaded, the model runs, and the backend says so."""
    loaded = opened(runtime="edgetpu", library=plug_in("accepts"), device="usb")
    assert "Edge TPU (usb)" in loaded.label
    image = read_image(media / "stills" / "tfexamples" / "image1.png")
    assert len(loaded.estimate(image)) == 1


@pytest.mark.parametrize("fault", ["refuses", "crashes", "aborts"])
def test_a_chip_that_fails_is_left_for_the_cpu_and_said_so(
    opened, cpu_file_as_tpu_build, plug_in, fault, caplog
):
    """Whatever the library does to its process, this one goes on with the CPU, visibly."""
    with caplog.at_level(logging.WARNING):
        loaded = opened(runtime="edgetpu", library=plug_in(fault))
    failover = loaded.detector.runtimes[0]
    assert isinstance(failover, FailoverRuntime)
    assert failover.current == "CPU"
    assert "Edge TPU can't be used, going on with CPU" in caplog.text
    assert len(failover.failovers) == 1
    assert loaded.estimate(IMAGE) == ()


def test_a_chip_that_hangs_is_given_up(opened, cpu_file_as_tpu_build, plug_in, monkeypatch):
    """A library that never comes back costs the probe's time-out, no more."""
    original = edgetpu.find_pair
    monkeypatch.setattr(edgetpu, "find_pair", lambda *given: original(*given[:3], 3.0))
    failover = opened(runtime="edgetpu", library=plug_in("hangs")).detector.runtimes[0]
    assert isinstance(failover, FailoverRuntime)
    assert failover.current == "CPU"
    assert "hung" in failover.failovers[0].reason


def test_a_library_that_is_not_installed_names_the_package(opened, cpu_file_as_tpu_build):
    """The most frequent trouble has its remedy in the message."""
    with pytest.raises(RuntimeLost, match="install libedgetpu1-std from https"):
        opened(runtime="edgetpu", fallback=False, library="libnothing.so.1")


def test_fallback_false_fails_instead(opened, cpu_file_as_tpu_build, plug_in):
    """Who forbids the fallback hears what is wrong."""
    with pytest.raises(RuntimeLost, match="no device"):
        opened(runtime="edgetpu", fallback=False, library=plug_in("refuses"))


def test_a_compiled_model_without_a_chip_says_what_to_do(opened, models):
    """The Edge TPU build on the CPU is one sentence, not a crash."""
    path = models / "movenet_single_pose_lightning_ptq_edgetpu.tflite"
    loaded = opened(path=path, runtime="cpu")
    assert loaded.detector.runtimes[0].backend.startswith("ai-edge-litert")  # its CPU build
    with pytest.raises(ModelError, match="compiled for the Edge TPU"):
        LiteRT(path).open()


def test_the_manifest_knows_the_build_for_the_chip():
    """Each Edge TPU entry leads back to its CPU build, and back again."""
    for entry in manifest().values():
        if entry.edgetpu:
            assert manifest()[entry.edgetpu].cpu == entry.name


def test_options_reach_the_models_family(opened, models):
    """What tfjs calls maxPoses and nmsRadius can be said in the configuration."""
    path = models / "posenet_mobilenet_v1_075_353_481_quant.tflite"
    family = opened(path=path, options={"maxPoses": 2, "nmsRadius": 30}).detector.family
    assert (family.options.max_poses, family.options.nms_radius) == (2, 30)
    everybody = opened(path=path, options={"nmsRadius": 30}).detector.family
    assert everybody.options.max_poses == 10  # not one person, because of another option
    with pytest.raises(UserError, match="did you mean 'maxPoses'"):
        opened(path=path, options={"maxPose": 2})


def test_options_for_a_family_without_any_are_refused(opened):
    """An option that would do nothing is a mistake."""
    with pytest.raises(UserError, match="a movenet model takes none"):
        opened(options={"maxPoses": 2})


def test_a_file_that_nobody_vouches_for_is_tried_in_a_child_first(
    opened, lightning, tmp_path, monkeypatch
):
    """What would crash this process crashes the child's; a known file is not tried."""
    tried = []

    def crash(path, interpreter):
        tried.append(path)
        raise ModelError(f"{path}: crashed (SIGSEGV) in the first inference")

    monkeypatch.setattr(model_module, "probe", crash)
    opened(path=lightning)
    assert tried == []
    bent = tmp_path / "bent.tflite"
    bent.write_bytes(lightning.read_bytes() + b"\0")
    with pytest.raises(ModelError, match="SIGSEGV"):
        opened(path=bent)
    assert tried == [bent]


def test_a_model_without_a_build_for_the_chip_is_not_run_on_the_cpu_silently(opened, caplog):
    """Asked for the Edge TPU, the fallback is told; forbidden, it is an error."""
    with caplog.at_level(logging.WARNING):
        loaded = opened(name="posenet-075-257-fp32", runtime="edgetpu")
    assert "no build of this model for the Edge TPU" in caplog.text
    assert loaded.detector.runtimes[0].is_degraded
    with pytest.raises(ModelError, match="no build of this model"):
        opened(name="posenet-075-257-fp32", runtime="edgetpu", fallback=False)
