"""Let outputs make no more pictures than the device allows, whatever their own options say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from edgepose.config.plugins import Part
from edgepose.outputs.base import Output
from edgepose.registry import part
from edgepose.yamldoc.marks import KeyPath


def private(
    outputs: Mapping[str, Part], frames: str, complain: Callable[[KeyPath, str], None]
) -> dict[str, Part]:
    """Return outputs as `frames`, "skeleton" or "none", lets them be; complain where it can't."""
    return {name: _private(output, frames, complain) for name, output in outputs.items()}


def _private(output: Part, frames: str, complain: Callable[[KeyPath, str], None]) -> Part:
    made: type[Output] = part(output.kind, output.type)
    try:
        return replace(output, options=made.private(output.options, frames))
    except ValueError as error:
        complain(("outputs", output.name), str(error))
        return output
