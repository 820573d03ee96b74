"""The `model` section of a configuration: which network, and what runs it.

A file of its own: what needs no more than a model, such as `edgepose pose`, imports nothing of
watches and outputs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from edgepose.errors import near_miss
from edgepose.modelstore.choice import url_entry
from edgepose.modelstore.manifest import manifest
from edgepose.options import ExistingPath, Fraction, Options, PositiveSeconds

DEFAULT_MODEL: Final = "movenet-lightning-int8"


def _known_model(name: str) -> str:
    """Return a name of the manifest, or a bare file name that the search path may hold."""
    if name in manifest() or name.endswith((".tflite", ".task")):
        return name
    raise ValueError(f"unknown model '{name}'{near_miss(name, manifest())}")


def _model_file(path: Path) -> Path:
    if path.is_dir():
        raise ValueError(f"expected a .tflite or .task file, found the folder {path}")
    return path


ModelName = Annotated[str, AfterValidator(_known_model)]
ModelPath = Annotated[ExistingPath, AfterValidator(_model_file)]


class ModelSection(Options):
    """The network that finds the keypoints, and what runs it."""

    name: ModelName | None = Field(
        default=None, description=f"one that `edgepose models list` knows; unset: {DEFAULT_MODEL}"
    )
    path: ModelPath | None = Field(
        default=None, description="or a .tflite or .task file of your own"
    )
    detector: ModelPath | None = Field(
        default=None,
        description="person detector of a landmark model (MediaPipe Pose); unset: the known one",
    )
    runtime: Literal["auto", "cpu", "edgetpu", "litert", "replay"] = Field(
        default="auto", description="what runs it; auto takes the Edge TPU if there is one"
    )
    interpreter: Literal["auto", "litert", "tflite", "tensorflow"] = Field(
        default="auto",
        description="the TFLite package that runs it; auto: the best one installed, with an Edge "
        "TPU the first that works with its library",
    )
    threads: Literal["auto"] | Annotated[int, Field(ge=1, le=64)] = Field(
        default="auto",
        description="CPU threads of one interpreter; auto: the fastest, measured at the first "
        "start with a model",
    )
    workers: Annotated[int, Field(ge=1, le=16)] = Field(
        default=1, description="interpreters side by side: more frames a second, each one later"
    )
    fallback: bool = Field(
        default=True, description="run on the CPU while the Edge TPU is away; false: fail instead"
    )
    device: Annotated[str, Field(pattern=r"^((usb|pci)?(:\d+)?)$")] = Field(
        default="",
        title="usb, pci, a number such as :0, both as in usb:1, or nothing",
        description="which Edge TPU: usb, pci, :0, usb:1 ...; empty: any",
    )
    library: str = Field(default="libedgetpu.so.1", description="the Edge TPU's library")
    deadline: PositiveSeconds = Field(
        default=5.0,
        description="seconds after which an inference is stopped and the runtime restarted",
    )
    resize: Literal["exact", "fast"] = Field(
        default="exact",
        description="how pictures get the model's size: exact gives the same keypoints on every "
        "processor; fast saves 0.1 ms a frame, for a fast chip",
    )
    options: dict[str, Any] = Field(
        default={},
        description="options of the model's family, such as PoseNet's maxPoses; without a name, "
        "multiplier, outputStride ... or modelUrl choose PoseNet's file as in tfjs",
        examples=[{"maxPoses": 2}],
    )
    min_score: Fraction | None = Field(
        default=None, description="report no person below this score; unset: as the model needs it"
    )

    @model_validator(mode="after")
    def _one_model(self) -> Self:
        if self.name is not None and self.path is not None:
            raise ValueError("expected either `name` or `path`, found both; remove one")
        return self

    @property
    def url(self) -> str:
        """Return the URL that the model is fetched from, "" where it has a name or a path."""
        url = self.options.get("modelUrl", "")
        return url if isinstance(url, str) and "://" in url else ""

    def url_hosts(self) -> tuple[str, ...]:
        """Return the host of a `modelUrl`."""
        try:
            host = urlsplit(self.url).hostname if self.url else None
        except ValueError:  # reported with the options
            return ()
        return (host,) if host else ()

    @property
    def label(self) -> str:
        """Return what to call the model: its name, its file, or the last part of its URL."""
        if self.url:
            return url_entry(self.url).name
        return str(self.path) if self.path else (self.name or DEFAULT_MODEL)
