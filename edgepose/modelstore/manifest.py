"""The manifest, `models/manifest.yaml`: the models that edgepose knows by name."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import yaml

from edgepose.errors import ModelError, did_you_mean
from edgepose.modelstore.folders import packaged_folder
from edgepose.types import Size

SEE_LIST: Final = "; see: edgepose models list"  # of half a hundred names, where none is close


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One known model file; an unknown fact is empty, 0 or None.

    files: its possible names, the first of them when it is pulled. input: (height,
    width). size: bytes. sha256, git_blob: either identifies the file. needs: "cpu" or
    "edgetpu". edgetpu, cpu: name of the other build of the same model. decoder_op: ends in
    Coral's PosenetDecoderOp. urls: upstream, tried in order. min_score: a pose below it is dropped;
    keep_score: of somebody who is followed.
    options: of the model family. build: of PoseNet, the options by which tfjs chooses its weights.
    detector: name of the person detector that must be beside it. accuracy: published mAP on single
    people of COCO. cost: time of an inference on a CPU, of movenet-lightning-int8's.
    """

    name: str
    family: str
    files: tuple[str, ...]
    quantisation: str
    licence: str
    input: Size | None = None
    size: int = 0
    sha256: str = ""
    git_blob: str = ""
    needs: str = "cpu"
    edgetpu: str = ""
    cpu: str = ""
    decoder_op: bool = False
    detector: str = ""
    urls: tuple[str, ...] = ()
    min_score: float | None = None
    keep_score: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    build: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    accuracy: float | None = None
    cost: float | None = None

    @property
    def file(self) -> str:
        """Return the file name of a pulled model."""
        return self.files[0]

    @property
    def has_checksum(self) -> bool:
        """Return whether a checksum is known."""
        return bool(self.sha256 or self.git_blob)


@functools.cache
def manifest() -> Mapping[str, Entry]:
    """Return the known models by name, in the manifest's order."""
    with (packaged_folder() / "manifest.yaml").open("rb") as file:
        # Our own file: a mistake in it is a bug, so nothing is caught here.
        data = yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return MappingProxyType(
        {name: Entry(name=name, **_frozen(keys)) for name, keys in data["models"].items()}
    )


def entry(name: str) -> Entry:
    """Return the known model called `name`; raises ModelError with the near miss."""
    known = manifest()
    if name not in known:
        raise ModelError(f"unknown model '{name}'{did_you_mean(name, known) or SEE_LIST}")
    return known[name]


def _frozen(keys: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(value) if isinstance(value, list) else value for k, value in keys.items()}
