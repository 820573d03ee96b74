"""Every value of the options by which tfjs chooses its weights: it does it, or names the line."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from threading import Event
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hand_made import any_size_posenet
from waiting import wait_until

from edgepose.appliance.model import Fetch, load_model
from edgepose.config.loader import Config, load
from edgepose.errors import ConfigError, DeviceError, UserError
from edgepose.modelstore import choice, manifest
from edgepose.modelstore import pull as pull_module
from edgepose.modelstore.checksum import sha256

CORAL = "posenet-075-353x481"
RESNET = "posenet-resnet50"
HEAD = "version: 1\nsource: {type: synthetic}\n"


def config(folder: Path, options: str, *more: str) -> Config:
    """Return a configuration whose line 4 holds the options of the model."""
    path = folder / "c.yaml"
    path.write_text(f"{HEAD}model:\n  options: {options}\n" + "\n".join(more))
    return load(path)


CHOSEN = [
    ("{architecture: MobileNetV1}", "posenet-100-257-fp32"),
    ("{architecture: ResNet50}", f"{RESNET}-288x416"),
    ("{outputStride: 16}", CORAL),
    ("{outputStride: 32}", "posenet-100-257-fp32"),
    ("{architecture: ResNet50, outputStride: 16}", f"{RESNET}-288x416"),
    ("{architecture: ResNet50, outputStride: 32}", f"{RESNET}-496x768"),
    ("{multiplier: 1.0}", "posenet-100-257-fp32"),
    ("{multiplier: 1}", "posenet-100-257-fp32"),
    ("{multiplier: 0.75}", CORAL),
    ("{multiplier: 0.50}", "posenet-050-257-int8"),
    ("{quantBytes: 4}", "posenet-100-257-fp32"),
    ("{quantBytes: 2}", "posenet-075-353x257-fp16"),
    ("{quantBytes: 1}", CORAL),
    ("{quantBytes: 4, multiplier: 0.75}", "posenet-075-257-fp32"),
    ("{inputResolution: 257}", "posenet-100-257-fp32"),
    ("{inputResolution: {width: 481, height: 353}}", CORAL),
    ("{inputResolution: {width: 640, height: 480}}", "posenet-075-481x641"),
    ("{inputResolution: {width: 1281, height: 721}}", "posenet-075-721x1281"),
    ("{architecture: ResNet50, inputResolution: {width: 640, height: 480}}", f"{RESNET}-480x640"),
    ("{multiplier: 0.5, maxPoses: 3}", "posenet-050-257-int8"),
]

REFUSED = [
    ("{architecture: MobileNetV2}", "architecture: expected MobileNetV1 or ResNet50"),
    ("{outputStride: 8}", r"no PoseNet file has outputStride 8 with .*; there is 16 \(.*\), 32 \("),
    ("{outputStride: 24}", "outputStride: expected 8 or 16 or 32"),
    ("{architecture: ResNet50, outputStride: 8}", "outputStride: expected 16 or 32"),
    ("{outputStride: 32, multiplier: 0.75}", "multiplier: expected 1.0 with outputStride 32"),
    ("{multiplier: 0.25}", "multiplier: expected 0.5 or 0.75 or 1.0"),
    ("{architecture: ResNet50, multiplier: 0.5}", "multiplier: expected 1.0"),
    ("{multiplier: true}", "multiplier: expected 0.5 or 0.75 or 1.0"),
    ("{quantBytes: 3}", "quantBytes: expected 4 or 2 or 1"),
    (
        "{quantBytes: 4, multiplier: 0.5}",
        "quantBytes 4 with .* and multiplier 0.5",
    ),
    ("{architecture: ResNet50, quantBytes: 2}", r"quantBytes 2 with arch.* 1 \(posenet-resnet50"),
    (
        "{outputStride: 16, multiplier: 1.0}",
        "outputStride 16 with .*multiplier 1.0; there is 32",
    ),
    (
        "{inputResolution: 300}",
        "inputResolution 300 with .*; there is 257 x 257",
    ),
    ("{inputResolution: {width: 640, height: 640}}", "inputResolution 640 x 640"),
    ("{inputResolution: 0}", "inputResolution: expected 1 to 2048"),
    ("{inputResolution: [353, 481]}", "inputResolution: expected 1 to 2048"),
    ("{multiplierr: 0.5, multiplier: 0.5}", "did you mean 'multiplier'"),
    ("{modelUrl: nothing.tflite}", "no such file: .*nothing.tflite"),
    ("{modelUrl: 'https://example.org/p.tflite'}", "or a URL that ends in #sha256="),
    ("{modelUrl: 'ftp://example.org/p#sha256=" + "0a" * 32 + "'}", "expected a URL with http"),
    ("{modelUrl: 5}", "modelUrl: expected a path, or a URL"),
]


@pytest.mark.parametrize(("options", "name"), CHOSEN)
def test_options_choose_the_file_that_has_them(tmp_path: Path, options: str, name: str):
    """Without a name; what is not given is as near to tfjs' defaults as the files allow."""
    assert config(tmp_path, options).model.name == name


@pytest.mark.parametrize(("options", "says"), REFUSED)
def test_what_no_file_has_is_refused_with_its_line(tmp_path: Path, options: str, says: str):
    """And with the values that there are."""
    with pytest.raises(ConfigError, match=rf"c\.yaml line 4: model\.options.*{says}"):
        config(tmp_path, options)


@pytest.mark.parametrize(
    ("options", "tensor", "cells"),
    [
        ("{quantBytes: 1, multiplier: 0.75}", "uint8 1x353x481x3", (23, 31)),
        ("{multiplier: 0.5}", "int8 1x257x257x3", (17, 17)),
        ("{quantBytes: 4, multiplier: 0.75}", "float32 1x257x257x3", (17, 17)),
        ("{quantBytes: 2}", "float32 1x353x257x3", (23, 17)),
        ("{inputResolution: {width: 640, height: 480}}", "uint8 1x481x641x3", (31, 41)),
    ],
)
def test_the_file_that_runs_is_what_the_options_say(
    models: Path, tmp_path: Path, options: str, tensor: str, cells: tuple[int, int]
):
    """Seen from its tensors."""
    with closing(load_model(config(tmp_path, options).model)) as loaded:
        runtime = loaded.detector.runtimes[0]
        pixels = runtime.inputs[0]
        assert f"{pixels.dtype} {'x'.join(map(str, pixels.shape))}" == tensor
        assert cells in [spec.shape[1:3] for spec in runtime.outputs]
        loaded.warm_up()


@pytest.fixture
def one_model(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the manifest hold one PoseNet, published in a folder and not installed."""
    file = models / "posenet_mobilenet_050_stride16_int8.tflite"
    entry = choice.choose({"multiplier": 0.5})
    published = manifest.Entry(
        **{name: getattr(entry, name) for name in ("name", "family", "files", "quantisation")},
        **{name: getattr(entry, name) for name in ("licence", "input", "size", "sha256", "build")},
        urls=(file.as_uri(),),
    )
    for module in (
        "modelstore.choice",
        "modelstore.search",
        "appliance.model",
        "config.model_section",
    ):
        monkeypatch.setattr(
            f"edgepose.{module}.manifest", lambda: MappingProxyType({entry.name: published})
        )
    installed = tmp_path / "installed"
    installed.mkdir()
    monkeypatch.setattr("edgepose.modelstore.search.search_path", lambda: (installed,))
    monkeypatch.setattr("edgepose.modelstore.pull.pull_folder", lambda: installed)
    return installed


def test_a_chosen_file_is_fetched_where_it_is_not_installed(one_model: Path, tmp_path: Path):
    """Once, with its checksum compared; a file of another content is not taken."""
    section = config(tmp_path, "{multiplier: 0.5}").model
    load_model(section).close()
    (fetched,) = one_model.iterdir()
    before = fetched.stat().st_mtime_ns
    load_model(section).close()
    assert fetched.stat().st_mtime_ns == before
    assert sha256(fetched) == choice.choose({"multiplier": 0.5}).sha256


def test_a_model_that_takes_long_is_fetched_beside(
    one_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Who asks gets an answer at once: the broker's client must not wait for a slow server."""
    section, begun, goes_on = config(tmp_path, "{multiplier: 0.5}").model, Event(), Event()
    real = pull_module.download

    def slow(*given: Any) -> None:
        begun.set()
        assert goes_on.wait(60)
        real(*given)

    monkeypatch.setattr(pull_module, "download", slow)
    with pytest.raises(DeviceError, match="is being fetched, and is used once it is here"):
        load_model(section, Fetch(patience=0.01))
    assert begun.wait(60)
    with pytest.raises(DeviceError, match="a model is being fetched already"):
        load_model(section, Fetch(patience=60))
    goes_on.set()
    wait_until(lambda: [path.suffix for path in one_model.iterdir()] == [".tflite"])
    load_model(section, Fetch(patience=60)).close()


def test_a_model_url_is_fetched_and_checked(one_model: Path, models: Path, tmp_path: Path):
    """A checksum that does not fit is refused, and nothing of it is installed."""
    file = models / "posenet_mobilenet_v1_075_353_481_quant.tflite"
    good, bad = (f"{file.as_uri()}#sha256={text}" for text in (sha256(file), "0a" * 32))
    with closing(load_model(config(tmp_path, f"{{modelUrl: '{good}', maxPoses: 1}}").model)) as it:
        assert it.detector.runtimes[0].inputs[0].shape == (1, 353, 481, 3)
        assert it.detector.family.options.max_poses == 1
    assert [path.name.endswith(file.name) for path in one_model.iterdir()] == [True]
    with pytest.raises(DeviceError, match="its checksum is not the one"):
        load_model(config(tmp_path, f"{{modelUrl: '{bad}'}}").model)
    assert len(list(one_model.iterdir())) == 1


def test_a_local_model_url_is_a_path_beside_the_configuration(models: Path, tmp_path: Path):
    """As `path` is; what it can't have beside it is refused."""
    (tmp_path / "own.tflite").symlink_to(models / "posenet_mobilenet_v1_075_353_481_quant.tflite")
    model = config(tmp_path, "{modelUrl: own.tflite, multiplier: 0.75, maxPoses: 2}").model
    with closing(load_model(model)) as loaded:
        assert loaded.file.path == tmp_path / "own.tflite"
    with pytest.raises(ConfigError, match=r"the model's file has 0\.75, found 1\.0"):
        config(tmp_path, "{modelUrl: own.tflite, multiplier: 1.0}")


def test_a_host_that_the_limits_exclude_is_refused(tmp_path: Path):
    """A model's URL is one as those of cameras and webhooks."""
    url = "https://example.org/p.tflite#sha256=" + "0a" * 32
    with pytest.raises(ConfigError, match=r"line 4: model\.options\.modelUrl: its host is not one"):
        config(tmp_path, f"{{modelUrl: '{url}'}}", "limits: {hosts: [camera.local]}", "")


@pytest.mark.parametrize(
    ("options", "size", "cells"),
    [("", (257, 257), 17), ("inputResolution: 200", (193, 193), 13),
     ("inputResolution: {width: 640, height: 480}", (481, 641), 41),
     ("inputResolution: 320, outputStride: 16", (321, 321), 21)],
)  # fmt: skip
def test_a_model_of_any_size_takes_the_resolution_asked_for(
    tmp_path: Path, options: str, size: tuple[int, int], cells: int
):
    """Rounded as in tfjs, and seen in the tensors."""
    (tmp_path / "own.tflite").write_bytes(any_size_posenet())
    text = f"{{modelUrl: own.tflite{', ' if options else ''}{options}}}"
    with closing(load_model(config(tmp_path, text).model)) as loaded:
        loaded.warm_up()
        family, runtime = loaded.detector.family, loaded.detector.runtimes[0]
        tensor = family.encode(np.zeros((*family.full_frame((480, 640)).size, 3), np.uint8))
        assert tensor.shape == (1, *size, 3)
        assert runtime.infer(tensor)[0].shape[2] == cells


def test_a_stride_that_the_maps_contradict_is_refused(tmp_path: Path):
    """A file of any size shows its stride only when it runs."""
    (tmp_path / "own.tflite").write_bytes(any_size_posenet(32))
    model = config(tmp_path, "{modelUrl: own.tflite, outputStride: 16}").model
    with (
        closing(load_model(model)) as loaded,
        pytest.raises(UserError, match="outputStride: the model's file has 32, found 16"),
    ):
        loaded.warm_up()


@pytest.mark.parametrize(
    ("name", "option", "says"),
    [("posenet_mobilenet_v1_075_257x257_stride16_float32_DERIVED.tflite", "multiplier: 0.5",
      "has 0.75, found 0.5"),
     ("posenet_mobilenet_v1_075_353_481_quant.tflite", "inputResolution: 300", "has 353 x 481")],
)  # fmt: skip
def test_a_fixed_file_refuses_what_it_is_not(
    models: Path, tmp_path: Path, name: str, option: str, says: str
):
    """Named by its path, and known to the manifest."""
    path = tmp_path / "c.yaml"
    path.write_text(f"{HEAD}model:\n  path: {models / name}\n  options: {{{option}}}\n")
    with pytest.raises(ConfigError, match=rf"line 5: model\.options\..*{says}"):
        load(path)


def test_a_file_that_nobody_knows_refuses_what_changes_nothing(tmp_path: Path, models: Path):
    """Its weights can't be asked; the architecture matters where pixels are encoded as floats."""
    for name, option, fine in (
        ("posenet_mobilenet_v1_075_257x257_stride16_float32_DERIVED.tflite", "ResNet50", True),
        ("posenet_mobilenet_v1_075_353_481_quant.tflite", "ResNet50", False),
    ):
        (tmp_path / "own.tflite").write_bytes((models / name).read_bytes() + b"\0")
        text = f"{{modelUrl: own.tflite, architecture: {option}}}"
        if fine:
            with closing(load_model(config(tmp_path, text).model)) as loaded:
                assert loaded.detector.family.options.architecture == option
        else:
            with pytest.raises(ConfigError, match="architecture: changes nothing"):
                config(tmp_path, text)
    with pytest.raises(ConfigError, match="quantBytes: changes nothing"):
        config(tmp_path, "{modelUrl: own.tflite, quantBytes: 1}")
