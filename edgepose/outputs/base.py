"""What an output promises. Each is called on a thread of its own, so it may be slow or fail."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from edgepose.options import Options
from edgepose.types import Scene


@dataclass(frozen=True, slots=True)
class Device:
    """Tell an output where it runs: the names of the device, of its watches and of the model."""

    name: str
    watches: tuple[str, ...] = ()
    model: str = ""


class Output(ABC):
    """Show, record or send scenes.

    every_frame: the output wants each scene of a lossless source by itself. Otherwise, and
        whenever it is too slow, scenes are merged: the newest picture, and every event.
    """

    Options: ClassVar[type[Options]] = Options
    every_frame: bool = False

    @abstractmethod
    def open(self) -> None:
        """Get ready. Raises OutputLost when that can't be done at present."""

    @abstractmethod
    def show(self, scene: Scene) -> None:
        """Take one scene. Raises OutputLost, and is then given the same scene's events again.

        An output that has taken an event for good before it fails drops the repetition by id.
        A scene whose frame.seq was shown already brings events only: the picture and its poses
        are not recorded twice.
        """

    @abstractmethod
    def close(self) -> None:
        """Finish files and let everything go; may be called twice, and after a failed `open`."""
