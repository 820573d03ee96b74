"""The registry: a new source, runtime or output needs one line here. Imports are lazy."""

from __future__ import annotations

import importlib
from typing import Any, Final

from edgepose.errors import ConfigError, near_miss

SOURCES: Final = {
    "images": "edgepose.sources.images:Images",
    "picamera2": "edgepose.sources.picamera2:Picamera2",
    "stream": "edgepose.sources.stream:Stream",
    "synthetic": "edgepose.sources.synthetic.source:Synthetic",
    "v4l2": "edgepose.sources.v4l2:V4l2",
    "video": "edgepose.sources.video:VideoFile",
}

RUNTIMES: Final = {
    "edgetpu": "edgepose.runtimes.edgetpu:EdgeTpu",
    "litert": "edgepose.runtimes.litert:LiteRT",
    "replay": "edgepose.runtimes.replay:Replay",
}

OUTPUTS: Final = {
    "button": "edgepose.outputs.gpio.button:Button",
    "gpio": "edgepose.outputs.gpio.output:Gpio",
    "hdmi": "edgepose.outputs.hdmi.output:Hdmi",
    "jsonl": "edgepose.outputs.jsonl:Jsonl",
    "memory": "edgepose.outputs.memory:Memory",
    "mqtt": "edgepose.outputs.mqtt.output:Mqtt",
    "prometheus": "edgepose.outputs.prometheus:Prometheus",
    "recording": "edgepose.outputs.recording:RecordingOutput",
    "sound": "edgepose.outputs.sound.output:Sound",
    "video": "edgepose.outputs.video.output:VideoOutput",
    "web": "edgepose.outputs.web:Web",
    "webhook": "edgepose.outputs.webhook:Webhook",
}

KINDS: Final = {"source": SOURCES, "runtime": RUNTIMES, "output": OUTPUTS}


def part(kind: str, name: str) -> type[Any]:
    """Return the class registered for a source, runtime or output.

    Raises ConfigError for a name that is not registered, with the near miss.
    """
    names = KINDS[kind]
    if name not in names:
        raise ConfigError(f"unknown {kind} '{name}'{near_miss(name, names)}")
    module, _, attribute = names[name].partition(":")
    found: type[Any] = getattr(importlib.import_module(module), attribute)
    return found
