"""What a screen promises to the output that draws on it, and the screen that shows nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from edgepose.errors import OutputLost
from edgepose.types import Image, Size


class NoScreen(OutputLost):
    """Report that this machine has no such kind of screen: the next kind is tried.

    Plain OutputLost is a screen that is there but can't be used at present: it is waited for.
    """


@dataclass(frozen=True, slots=True)
class Wanted:
    """Say what the installer asked of the screen.

    size: (height, width) of the display mode or canvas; None leaves the choice to the screen.
    connector: name of the plug, as `HDMI-A-1`; "" takes the first one that is connected.
    """

    size: Size | None = None
    connector: str = ""


class Screen(ABC):
    """Show pictures of one size. A made screen is open; making one raises OutputLost.

    size: (height, width) of the pictures it takes. label: what to call it in the log.
    """

    size: Size
    label: str

    @abstractmethod
    def put(self, image: Image) -> None:
        """Show a picture, uint8 RGB of `size`. Waits for a display's own pace, at most.

        Raises OutputLost when the screen has gone; it is then only closed.
        """

    @abstractmethod
    def check(self) -> None:
        """Look whether the screen is still there. Costs little. Raises OutputLost."""

    @abstractmethod
    def close(self) -> None:
        """Give the display back as it was found; may be called twice."""


class Null(Screen):
    """Take pictures to nowhere, so that a machine without display runs like any other."""

    label = "no screen"

    def __init__(self, wanted: Wanted) -> None:
        """Take what was wanted; a small canvas costs least."""
        self.size = wanted.size or (360, 640)

    def put(self, image: Image) -> None:
        """Drop the picture."""

    def check(self) -> None:
        """Be there always."""

    def close(self) -> None:
        """Have nothing to give back."""
