"""Check that two networks work as one runtime."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.errors import ModelError, RuntimeLost
from edgepose.runtimes.base import Runtime
from edgepose.runtimes.two_networks import TwoNetworks
from edgepose.types import Tensor, TensorSpec


class Small(Runtime):
    """A network of one input of `side` pixels that answers with that number."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.calls: list[str] = []

    def open(self) -> None:
        """State the tensors."""
        self.calls.append("open")
        self.backend = f"side {self.side}"
        self.inputs = (TensorSpec("in", (1, self.side, self.side, 3), np.dtype(np.uint8)),)
        self.outputs = (TensorSpec(f"out {self.side}", (1,), np.dtype(np.int64)),)

    def infer(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Return the side."""
        return (np.array([self.side]),)

    def abandon(self) -> None:
        """Note it."""
        self.calls.append("abandon")

    def close(self) -> None:
        """Note it."""
        self.calls.append("close")


def picture(side: int) -> Tensor:
    """Return a black input."""
    return np.zeros((1, side, side, 3), np.uint8)


def test_the_shape_of_the_input_chooses_the_network() -> None:
    """Each picture goes to the network of its size; all tensors are listed, the first's first."""
    both = TwoNetworks(Small(8), Small(16))
    both.open()
    assert [both.infer(picture(side))[0].item() for side in (16, 8, 16)] == [16, 8, 16]
    assert [spec.shape[1] for spec in both.inputs] == [8, 16]
    assert [spec.name for spec in both.outputs] == ["out 8", "out 16"]
    with pytest.raises(ModelError, match="expected an input of one of the two networks"):
        both.infer(picture(9))


def test_both_are_closed_and_abandoned() -> None:
    """Nobody knows which of them hangs."""
    networks = Small(8), Small(16)
    both = TwoNetworks(*networks)
    both.open()
    both.abandon()
    both.close()
    assert [network.calls for network in networks] == [["open", "abandon", "close"]] * 2


def test_the_first_is_closed_when_the_second_does_not_open() -> None:
    """No interpreter stays open behind an error."""

    class Broken(Small):
        def open(self) -> None:
            raise RuntimeLost("gone")

    first = Small(8)
    both = TwoNetworks(first, Broken(16))
    with pytest.raises(RuntimeLost, match="gone"):
        both.open()
    assert first.calls == ["open", "close"]
