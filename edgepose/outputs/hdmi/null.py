"""The screen that isn't: scenes are taken and nothing is shown."""

from __future__ import annotations

from edgepose.outputs.hdmi.screen import Screen, Wanted
from edgepose.types import Image


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
