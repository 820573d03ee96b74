"""The health document: the state of everything, in plain JSON values.

`edgepose status`, MQTT, the web page, metrics and the corner of the screen all show this one.
"troubles" lists what is degraded, as sentences, so that none of them has to decide for itself.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from edgepose import __version__
from edgepose.appliance.model import LoadedModel
from edgepose.config.loader import Config
from edgepose.engine.failover import FailoverRuntime
from edgepose.engine.pipeline import Pipeline
from edgepose.engine.watchdog import hung_parts
from edgepose.system.board import Board, problems

HEALTHY: Final = ("running", "starting", "ended", "off")


class Health:
    """The author of the document.

    last_exit: how the last process ended, None: not known. lost: events that it could not keep.
    """

    def __init__(
        self,
        board: Board,
        last_exit: Mapping[str, Any] | None = None,
        lost: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._lost = dict(lost)
        self._board = board
        self._last_exit = last_exit
        self._started = time.monotonic()
        self._started_at = round(time.time(), 1)

    def document(
        self,
        config: Config,
        model: LoadedModel,
        pipeline: Pipeline,
        configuration: Mapping[str, Any] = MappingProxyType({}),
        **more: Any,
    ) -> dict[str, Any]:
        """Return the document of this moment.

        configuration: path, error and history of the configuration. more: further keys, which
        only the appliance knows.
        """
        figures, board = pipeline.stats.snapshot(), self._board.read()
        hung = hung_parts(pipeline, config.source.options.patience())
        parts = _parts(config, model, pipeline, hung)
        rate = pipeline.governor.to_dict(time.monotonic())
        found = [*_troubles(parts, hung, configuration), *_board_troubles(board, rate)]
        found += [(key, "degraded", more[key]) for key in ("journal", "stranded") if more.get(key)]
        troubles = [{"name": name, "state": state, "reason": why} for name, state, why in found]
        return {
            "version": __version__,
            "name": config.name,
            "state": "degraded" if troubles else "running",
            "troubles": troubles,
            "uptime": round(time.monotonic() - self._started, 1),
            "detect": pipeline.is_detecting,
            "fps": round(figures.fps, 1),
            "rate": rate,
            **parts,
            "hung": hung,
            "queues": _queues(pipeline),
            "board": board,
            "process": {
                "started": self._started_at,
                "last_exit": self._last_exit,
                "lost": self._lost,
            },
            **more,
            "config": configuration,
            "stats": figures.to_dict(),
        }


def _parts(
    config: Config, model: LoadedModel, pipeline: Pipeline, hung: Mapping[str, str]
) -> dict[str, Any]:
    """Return source, runtime and outputs; one that hangs is "hung", whatever it last reported.

    An output that a new configuration lacks is left out while the old pipeline ends.
    """
    outputs = {
        name: {"type": config.outputs[name].type, **worker.to_dict()}
        for name, worker in pipeline.outputs.items()
        if name in config.outputs and not worker.output.internal
    }
    parts = {"source": _source(config, pipeline), "runtime": _runtime(model, pipeline)}
    named = parts | {f"output {name}": part for name, part in outputs.items()}
    for name in hung.keys() & named.keys():
        named[name] |= {"state": "hung", "reason": hung[name]}
    return {**parts, "outputs": outputs}


def _source(config: Config, pipeline: Pipeline) -> dict[str, Any]:
    capture = pipeline.capture
    age = capture.age
    about = {"type": config.source.type, "age": None if age is None else round(age, 2)}
    return about | capture.health.to_dict()


def _runtime(model: LoadedModel, pipeline: Pipeline) -> dict[str, Any]:
    """Return what runs the model and why; degraded where the best runtime is not in use."""
    runtimes, workers = model.detector.runtimes, pipeline.workers
    failovers = [runtime for runtime in runtimes if isinstance(runtime, FailoverRuntime)]
    latest = [r.failovers[-1] for r in failovers if r.is_degraded and r.failovers]
    counts = sum((runtime.failover_counts for runtime in failovers), Counter[tuple[str, str]]())
    part = workers.health.to_dict()
    if latest and part["state"] in HEALTHY:
        part |= {"state": "degraded", "reason": latest[0].reason}
    return part | {
        "model": model.file.name,
        "backend": runtimes[0].backend,
        "why": f"{latest[0].candidate} can't be used" if latest else model.why,
        "fallbacks": [{"from": a, "to": b, "count": n} for (a, b), n in counts.items()],
        "given_up": workers.given_up,
    }


def _queues(pipeline: Pipeline) -> dict[str, float]:
    """Return for how many seconds the frame and the inference that wait have been waiting."""
    return {
        "frame": round(pipeline.frame_waiting, 2),
        "inference": round(pipeline.workers.waiting, 2),
    }


def _troubles(
    parts: Mapping[str, Any], hung: Mapping[str, str], configuration: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    """Yield name, state and reason of each component that does not work as it should."""
    named = {"source": parts["source"], "runtime": parts["runtime"], **parts["outputs"]}
    for name, part in named.items():
        if part["state"] not in HEALTHY:
            yield name, part["state"], part["reason"]
    if "perception" in hung:
        yield "perception", "hung", hung["perception"]
    if configuration.get("error"):
        yield "config", "refused", configuration["error"]


def _board_troubles(
    board: Mapping[str, Any], rate: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    """Yield what is wrong with the board, and what is done about it."""
    for name, reason in problems(board):
        if name != "heat" or not rate["steps"]:
            yield name, "degraded", reason
    if rate["steps"]:
        heat, limit = board.get("temperature") or 0.0, rate["limit_fps"]
        reason = f"the board has {heat:.0f} °C: only {limit:g} pictures a second are looked at"
        yield "heat", "degraded", reason
