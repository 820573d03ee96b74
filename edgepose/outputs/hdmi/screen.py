"""The contract of a screen, and the screen that shows nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from edgepose.errors import OutputLost
from edgepose.types import Image, Size


class NoScreen(OutputLost):
    """No such kind of screen on this machine: the next kind is tried.

    A plain OutputLost means a screen that can't be used at present, and is tried again.
    """


@dataclass(frozen=True, slots=True)
class ScreenRequest:
    """What the configuration asks of the screen.

    size: (height, width) of the display mode or canvas; None: the screen's own choice.
    connector: such as `HDMI-A-1`; "" the first connected one.
    """

    size: Size | None = None
    connector: str = ""


class Screen(ABC):
    """A display for pictures of one size. A new one is open; creating it raises OutputLost.

    size: (height, width) of its pictures. label: its name in the log.
    """

    size: Size
    label: str

    @abstractmethod
    def put(self, image: Image) -> None:
        """Show a picture, uint8 RGB of `size`. Waits for the display's refresh at most.

        Raises OutputLost when the screen is gone; then it is only closed.
        """

    @abstractmethod
    def check(self) -> None:
        """Raise OutputLost when the screen is gone. Cheap."""

    @abstractmethod
    def close(self) -> None:
        """Restore the display as it was; may be called twice."""


class Null(Screen):
    """A screen that drops its pictures, for a machine without a display."""

    label = "no screen"

    def __init__(self, request: ScreenRequest) -> None:
        self.size = request.size or (360, 640)

    def put(self, image: Image) -> None:
        """Drop the picture."""

    def check(self) -> None:
        """Never fail."""

    def close(self) -> None:
        """Restore nothing."""
