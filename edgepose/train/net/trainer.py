"""The training loop: seeded, resumable, on a CPU or a GPU."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgepose.errors import UserError
from edgepose.train.data.batches import Batches
from edgepose.train.extra import need
from edgepose.train.net.losses import confidence_maps, softmax_loss, stage_loss
from edgepose.train.net.nets import NETS, Net
from edgepose.train.net.torch_net import TorchNet, normalise
from edgepose.train.recipe import Recipe

WEIGHTS_SUFFIX: Final = ".npz"
_CLIP = 5.0  # largest norm of a gradient
GAUSS_SIGMA = 1.6  # cells, of the confidence maps
_SAVE_EVERY = 250  # steps


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run. loss: smoothed over about 50 steps."""

    step: int
    steps: int
    loss: float
    size: int


def net_loss(net: Net, outputs: list[Any], keypoints: Any, visible: Any) -> Any:
    """Return the loss of a network's outputs by the kind of its maps."""
    if net.kind == "softmax":
        return softmax_loss(outputs[-1], keypoints, visible, net.stride)
    side = outputs[-1].shape[-1]
    people, seen = keypoints[:, None], visible[:, None]
    target = confidence_maps(people, seen, side, net.stride, GAUSS_SIGMA)
    return stage_loss(outputs, target, visible >= 0)


class Trainer:
    """The training of one network by a recipe; `run` continues from the checkpoint in `folder`.

    device: "cpu", "cuda" or "auto". low_precision: bfloat16 convolutions, measured 1.5 to 3
    times as fast where the processor has them, without loss.
    """

    def __init__(
        self, recipe: Recipe, folder: Path, device: str = "auto", low_precision: bool = True
    ) -> None:
        torch = need("torch")
        auto = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = auto if device == "auto" else device
        self.recipe, self.folder, self._low = recipe, folder, low_precision
        torch.manual_seed(recipe.seed)
        self.net = NETS[recipe.net](recipe.keypoints)
        self.model = TorchNet(self.net)
        self.model.modules.to(self.device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model.modules).requires_grad_(False)
        self.optimiser = self._optimiser()
        self.step, self.loss = 0, 0.0
        self._begin()

    @property
    def checkpoint(self) -> Path:
        """Return the file with the run's state."""
        return self.folder / "checkpoint.pt"

    def _optimiser(self) -> Any:
        torch = need("torch")
        parameters = list(self.model.modules.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": self.recipe.decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.recipe.rate, betas=(0.9, 0.98))

    def _begin(self) -> None:
        if self.checkpoint.exists():
            self._resume()
        elif self.recipe.start:
            start = load_weights(Path(self.recipe.start))
            self.model.begin_from(start)
            self.average.load_state_dict(self.model.modules.state_dict())

    def _resume(self) -> None:
        torch = need("torch")
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        if state["recipe"] != _plain(self.recipe):
            raise UserError(
                f"{self.checkpoint}: belongs to another recipe; "
                "use the options of its first run, or another --out folder"
            )
        self.model.modules.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.loss = state["step"], state["loss"]

    def save(self) -> None:
        """Write the run's state; an interruption leaves either the old or the new one."""
        torch = need("torch")
        state = {
            "recipe": _plain(self.recipe),
            "model": self.model.modules.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "loss": self.loss,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.checkpoint.with_suffix(".part")
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def run(
        self,
        rendered: Any,
        recorded: Any = (),
        vacant: Any = (),
        report: Callable[[Progress], None] = lambda _: None,
        avatars: Any = (),
    ) -> None:
        """Train to the recipe's end, saving regularly; `report` is called after every step.

        rendered, recorded, vacant, avatars: as `Batches` takes them.
        """
        batches = Batches(self.recipe, rendered, recorded, vacant, self.step, avatars)
        self.model.modules.train()
        for arrays in self._loader(batches):
            self._learn(*(array.to(self.device, non_blocking=True) for array in arrays))
            if self.step % _SAVE_EVERY == 0:
                self.save()
            size = self.recipe.size_at(self.step - 1)
            report(Progress(self.step, self.recipe.steps, self.loss, size))
        self.save()

    def _loader(self, batches: Batches) -> Any:
        """Return batches in order, prepared by other processes during training.

        Spawned, not forked: a fork that inherits OpenCV's thread pool hangs.
        """
        data = need("torch.utils.data")
        workers = 1 if self.device == "cpu" else 8
        return data.DataLoader(
            batches,
            batch_size=None,
            num_workers=workers,
            prefetch_factor=3,
            multiprocessing_context="spawn",
        )

    def _learn(self, images: Any, keypoints: Any, visible: Any) -> None:
        torch = need("torch")
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate_at(self.step)
        with torch.autocast(self.device, torch.bfloat16, enabled=self._low):
            outputs = self.model(normalise(images))
        loss = net_loss(self.net, outputs, keypoints, visible)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.modules.parameters(), _CLIP)
        self.optimiser.step()
        self._follow()
        share = max(0.02, 1 / (self.step + 1))
        self.loss += (float(loss.detach()) - self.loss) * share
        self.step += 1

    def _follow(self) -> None:
        """Move the averaged weights towards the trained ones, faster at first."""
        torch = need("torch")
        decay = min(self.recipe.ema, (self.step + 1) / (self.step + 20))
        with torch.no_grad():
            current = self.model.modules.state_dict()
            for name, value in self.average.state_dict().items():
                if value.dtype.is_floating_point:
                    value.mul_(decay).add_(current[name], alpha=1 - decay)


def _plain(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as values that torch.load takes back without code."""
    fields = recipe.to_dict()
    phases = [[phase.size, phase.steps] for phase in recipe.phases]
    return {**fields, "phases": phases}


def save_weights(weights: Mapping[str, Any], path: Path) -> None:
    """Write weights (a state_dict) as half floats, small enough to keep beside the model."""
    halves = {
        name: value.half().numpy() if value.is_floating_point() else value.numpy()
        for name, value in weights.items()
    }
    with path.open("wb") as file:
        np.savez_compressed(file, **halves)


def load_weights(path: Path) -> dict[str, Any]:
    """Return weights (a state_dict) of a checkpoint's average or a file of `save_weights`.

    Raises UserError when there is no such file.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint; `edgepose train heatmap` writes one")
    torch = need("torch")
    if path.suffix == WEIGHTS_SUFFIX:
        with np.load(path) as halves:
            arrays = {name: torch.from_numpy(halves[name]) for name in halves.files}
        return {n: v.float() if v.is_floating_point() else v for n, v in arrays.items()}
    weights: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)["average"]
    return weights
