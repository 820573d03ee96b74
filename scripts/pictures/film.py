"""What a device's own screen shows of a clip: the real program, without a display."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final

from edgepose import registry
from edgepose.appliance.appliance import Appliance
from edgepose.cli.run import run_appliance
from edgepose.config.loader import load
from edgepose.outputs.hdmi.output import Hdmi
from edgepose.types import Event, Image, Scene, Size

SIZE: Final[Size] = (540, 960)
ADDRESS: Final = "http://lobby.local:8080/"
_KEPT: Final = ("hdmi", "web")  # types of outputs that a film needs


@dataclass(frozen=True)
class Shot:
    """One picture of the screen, its scene, and the events until then."""

    time: float
    image: Image
    scene: Scene
    events: tuple[Event, ...]


class Film(Hdmi):
    """A screen that keeps every picture; `shots` are those of the last run."""

    every_frame = True
    shots: ClassVar[list[Shot]] = []
    size: ClassVar[Size] = SIZE

    def open(self) -> None:
        """Begin a new film."""
        self.shots.clear()

    def show(self, scene: Scene) -> None:
        """Paint and keep the scene."""
        if self._options.qr:
            self._painter.sign = replace(self._sign, address=ADDRESS)
        steady = replace(scene, stats={"fps": 25.0})
        image = self._painter.draw(steady, self.size)
        before = self.shots[-1].events if self.shots else ()
        self.shots.append(Shot(scene.frame.time, image, scene, before + scene.events))

    def tick(self) -> None:
        """Keep still between scenes."""

    def close(self) -> None:
        """Keep the pictures."""


def film(config: Path, clip: Path, size: Size = SIZE, sets: Sequence[str] = ()) -> list[Shot]:
    """Return what the screen of a configuration shows of a clip."""
    registry.OUTPUTS["hdmi"] = f"{__name__}:Film"  # type: ignore[index]
    Film.size = size
    outputs: dict[str, Any] = load(config).outputs
    others = [f"outputs.{name}=" for name, part in outputs.items() if part.type not in _KEPT]
    source = f"source={{type: video, path: {clip}, pace: fast}}"
    run_appliance(Appliance(load(config, [source, *others, *sets])))
    return list(Film.shots)
