"""Networks described as data: a list of layers that torch trains and TensorFlow exports.

A description has no weights and needs no framework, so it can be tested anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from edgepose.errors import UserError

CONV: Final = "conv"  # convolution, batch normalisation (folded on export), perhaps ReLU
ADD: Final = "add"  # sum of the inputs, perhaps ReLU
UP: Final = "up"  # nearest neighbour, twice the size
POOL: Final = "pool"  # maximum of 2x2, half the size
JOIN: Final = "join"  # channels of all inputs, in order


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer. inputs: names of layers, `"image"` for the picture.

    normalised: has a batch normalisation; heads have a plain bias instead.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    channels: int
    kernel: int = 1
    stride: int = 1
    relu: bool = False
    normalised: bool = True


@dataclass(frozen=True, slots=True)
class Net:
    """A network. outputs: names of the layers that give maps, the best last.

    stride: pixels a cell. kind: "softmax" (logits with an implicit none bin of logit 0) or
    "gauss" (confidence maps 0..1, one a keypoint).
    """

    name: str
    layers: tuple[Layer, ...]
    outputs: tuple[str, ...]
    stride: int
    kind: str
    channels: dict[str, int] = field(default_factory=dict)


class _Builder:
    """A network under construction; every method returns the new layer's name."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self.channels = {"image": 3}

    def _add(self, layer: Layer) -> str:
        self.layers.append(layer)
        self.channels[layer.name] = layer.channels
        return layer.name

    def conv(
        self,
        name: str,
        source: str,
        channels: int,
        kernel: int,
        stride: int = 1,
        *,
        relu: bool = True,
    ) -> str:
        return self._add(Layer(name, CONV, (source,), channels, kernel, stride, relu))

    def head(self, name: str, source: str, channels: int) -> str:
        return self._add(Layer(name, CONV, (source,), channels, 1, normalised=False))

    def add(self, name: str, first: str, second: str) -> str:
        return self._add(Layer(name, ADD, (first, second), self.channels[first], relu=True))

    def up(self, name: str, source: str) -> str:
        return self._add(Layer(name, UP, (source,), self.channels[source]))

    def pool(self, name: str, source: str) -> str:
        return self._add(Layer(name, POOL, (source,), self.channels[source], 2, 2))

    def join(self, name: str, sources: Sequence[str]) -> str:
        return self._add(Layer(name, JOIN, tuple(sources), sum(self.channels[s] for s in sources)))

    def residual(self, name: str, source: str, channels: int, stride: int = 1) -> str:
        """Add a basic residual block: He et al., "Deep Residual Learning" (2016), figure 5."""
        middle = self.conv(f"{name}_a", source, channels, 3, stride)
        last = self.conv(f"{name}_b", middle, channels, 3, relu=False)
        if stride != 1 or self.channels[source] != channels:
            source = self.conv(f"{name}_skip", source, channels, 1, stride, relu=False)
        return self.add(name, last, source)

    def merge(self, name: str, coarse: str, fine: str, channels: int) -> str:
        """Add coarse features, brought to `channels` and doubled, to fine ones."""
        below = self.conv(f"{name}_low", coarse, channels, 1, relu=False)
        beside = self.conv(f"{name}_high", fine, channels, 1, relu=False)
        return self.add(name, self.up(f"{name}_up", below), beside)

    def net(self, name: str, outputs: Sequence[str], stride: int, kind: str) -> Net:
        return Net(name, tuple(self.layers), tuple(outputs), stride, kind, dict(self.channels))


def nano(keypoints: int = 17, *, deeper: bool = False) -> Net:
    """Describe a dense 3x3 encoder-decoder, 1.2 M parameters, stride 4; the shipped one is deeper.

    Dense convolutions, because depthwise ones train at a fifth of the speed on a CPU and run
    no faster in int8 (measured). deeper: one more block at stride 16 and one in the decoder, 1.4 M
    parameters, which begin as identities when the weights of the other are the start.
    """
    b = _Builder()
    x = b.conv("stem", "image", 16, 3, 2)
    quarter = b.residual("q1", b.conv("q0", x, 32, 3, 2), 32)
    eighth = b.residual("e2", b.residual("e1", quarter, 48, 2), 48)
    sixteenth = b.residual("s2", b.residual("s1", eighth, 96, 2), 96)
    if deeper:
        sixteenth = b.residual("s3", sixteenth, 96)
    bottom = b.residual("t2", b.residual("t1", sixteenth, 144, 2), 144)
    y = b.conv("d3", b.merge("m3", bottom, sixteenth, 64), 64, 3)
    y = b.residual("d2", b.merge("m2", y, eighth, 40), 40)
    if deeper:
        y = b.residual("d2x", y, 40)
    y = b.residual("d1", b.merge("m1", y, quarter, 40), 40)
    name = "nano-deeper" if deeper else "nano"
    return b.net(name, [b.head("maps", y, keypoints)], 4, "softmax")


def cpm(stages: int = 6, keypoints: int = 17, width: int = 32) -> Net:
    """Describe a Convolutional Pose Machine: shared trunk, then stages that refine the maps.

    Wei, Ramakrishna, Kanade, Sheikh: "Convolutional Pose Machines" (2016), figure 2: the first
    stage sees features alone, every later one the features and the maps before it; each has its
    own loss. Deviations: stride 4 instead of 8, 3x3 and 5x5 kernels for 9x9 and 11x11, `width`
    channels for 128, no background map. keypoints: 17 COCO or 16 MPII.
    """
    b = _Builder()
    x = b.conv("trunk1", "image", width // 2, 3, 2)
    x = b.conv("trunk2", x, width, 3, 2)
    features = b.conv("trunk4", b.conv("trunk3", x, width, 5), width, 5)
    maps = b.head("stage1", b.conv("stage1_a", features, 2 * width, 1), keypoints)
    outputs = [maps]
    for stage in range(2, stages + 1):
        x = b.join(f"stage{stage}_in", (features, maps))
        for letter in "abc":
            x = b.conv(f"stage{stage}_{letter}", x, width, 5)
        maps = b.head(f"stage{stage}", b.conv(f"stage{stage}_d", x, width, 1), keypoints)
        outputs.append(maps)
    return b.net(f"cpm{stages}", outputs, 4, "gauss")


NETS: Final[dict[str, Callable[[int], Net]]] = {
    "nano": nano,
    "nano-deeper": lambda keypoints: nano(keypoints, deeper=True),
    "cpm2": lambda keypoints: cpm(2, keypoints),
    "cpm6": lambda keypoints: cpm(6, keypoints),
}


def net_of(weights: Iterable[str]) -> str:
    """Return the name of the network that weights of these names belong to.

    Raises UserError where no network has such layers.
    """
    found = {weight.split(".")[0] for weight in weights}
    for name, describe in NETS.items():
        layers = describe(17).layers
        if found == {layer.name for layer in layers if layer.op == CONV}:
            return name
    raise UserError(f"the checkpoint to start from is of none of the nets {', '.join(NETS)}")
