"""Find, open and warm up the configured model, on the best chip available."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from threading import Lock
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np

from edgepose.config.model_section import DEFAULT_MODEL, ModelSection
from edgepose.core.families import recognise
from edgepose.core.families.base import Family
from edgepose.engine.failover import Candidate, FailoverRuntime
from edgepose.engine.perception import Detector
from edgepose.engine.threads import new_thread
from edgepose.errors import DeviceError, ModelError
from edgepose.modelstore.choice import build_of, is_choice, url_entry
from edgepose.modelstore.folders import unreadable
from edgepose.modelstore.manifest import Entry, manifest
from edgepose.modelstore.networks import networks
from edgepose.modelstore.search import MissingModel, ModelFile, find, identify, locate
from edgepose.registry import part
from edgepose.runtimes.base import Runtime
from edgepose.runtimes.edgetpu import list_edge_tpus
from edgepose.runtimes.probe import probe
from edgepose.runtimes.two_networks import TwoNetworks
from edgepose.types import Frame, Image, Pose, blank_frame

log = logging.getLogger(__name__)

_FETCHING: Final = Lock()  # one model at a time in a process, however many are asked for
TRIAL_SIZE: Final = (480, 640)
BUNDLED: Final = "edgepose-nano"  # trained by this project, so it may travel with it
PREFERENCE: Final = (DEFAULT_MODEL, BUNDLED)
"""What is used when a configuration names no model: the first that is installed."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """An opened model: its file, and the detector with its interpreters.

    is_makeshift: no model is configured, and no better one is installed.
    why: why it runs on that chip.
    """

    file: ModelFile
    detector: Detector
    is_makeshift: bool = False
    why: str = ""

    def estimate(self, image: Image) -> tuple[Pose, ...]:
        """Return everyone in one picture, found in one pass over the whole of it."""
        self.detector.reset()
        return self.detector.detect(Frame(image, 0.0, 0))

    def warm_up(self) -> None:
        """Infer a blank picture with every interpreter. Raises what does not work."""
        for runtime in self.detector.runtimes:
            Detector(self.detector.family, runtime).detect(blank_frame(TRIAL_SIZE, 0.0, 0))
            for spec in runtime.inputs[1:]:  # a blank picture never reaches the second network
                runtime.infer(np.zeros(spec.shape, spec.dtype))

    def close(self) -> None:
        """Close the interpreters."""
        self.detector.close()

    @property
    def label(self) -> str:
        """Return model and backend, for people."""
        return f"{self.file.name} ({self.detector.runtimes[0].backend})"


def hint(model: ModelFile) -> str:
    """Return what to know before poses are taught with a model, "" where there is nothing."""
    if model.name != BUNDLED:
        return ""
    return (
        f"{BUNDLED} is the small model that edgepose comes with: it sees less well than others; "
        f"`edgepose models pull {DEFAULT_MODEL}` gets a better one"
    )


@dataclass(frozen=True, slots=True)
class Fetch:
    """How a model that is not here is fetched.

    patience: seconds that it is waited for; past that it goes on beside, None: to its end.
    redirects: whether its server may name another one.
    """

    patience: float | None = None
    redirects: bool = True


AT_ONCE: Final = Fetch()


def load_model(section: ModelSection | None = None, fetch: Fetch = AT_ONCE) -> LoadedModel:
    """Open the configured model; without one, the best that is installed.

    One that the options of PoseNet choose is fetched where it is not installed. Raises ModelError
    when there is none, or it can't be used; RuntimeLost when its chip is absent, DeviceError when
    it can't be fetched.
    """
    section = section or ModelSection()
    model = model_file(section, fetch)
    _probe_unknown(section, model)
    with ExitStack() as opened:
        runtimes = tuple(_new_runtime(section, model, fetch) for _ in range(section.workers))
        for runtime in runtimes:
            opened.callback(runtime.close)
            runtime.open()
        family = recognise(runtimes[0].inputs, runtimes[0].outputs, str(model.path))
        family = _configured(family, section, model)
        opened.pop_all()
    is_asked_for = bool(section.path or section.name or section.url)
    is_makeshift = model.name == BUNDLED and not is_asked_for
    detector = Detector(family, *runtimes, resize=section.resize)
    return LoadedModel(model, detector, is_makeshift, _why(section, model))


def model_file(section: ModelSection, fetch: Fetch = AT_ONCE) -> ModelFile:
    """Return the configured model's file, fetched if need be where options choose it."""
    if section.url:
        path = _pulled(url_entry(section.url), fetch).path
        return ModelFile(path, identify(path))
    if not section.path and not section.name:
        _warn_of_unread()
    return _at_hand(section, section.path or section.name or best_model(), fetch)


def _warn_of_unread() -> None:
    """Log which folders may hold a better model than the one that is chosen."""
    for folder, fault in unreadable().items():
        log.warning("The models in %s are not used: it can't be read (%s).", folder, fault)


def _at_hand(section: ModelSection, name_or_path: str | Path, fetch: Fetch) -> ModelFile:
    """Return a model's file, fetched if need be where options choose it."""
    try:
        return find(name_or_path)
    except MissingModel as error:
        known = manifest().get(str(name_or_path))
        if known is None or not known.urls or not is_choice(section.options):
            raise
        log.info("%s", error.fault)
        return _pulled(known, fetch)


def _pulled(wanted: Entry, fetch: Fetch) -> ModelFile:
    from edgepose.modelstore.pull import Pull, pull

    if locate(wanted) is None:
        log.info("%s is fetched from %s.", wanted.name, urlsplit(wanted.urls[0]).hostname)
    if fetch.patience is None:
        return pull(wanted, Pull(redirects=fetch.redirects))
    how = Pull(redirects=fetch.redirects, waits=False)
    return _pulled_beside(lambda: pull(wanted, how), wanted.name, fetch.patience)


def _pulled_beside(pull: Callable[[], ModelFile], name: str, patience: float) -> ModelFile:
    """Return what is fetched on a thread of its own. Raises DeviceError where that takes longer.

    A server may take its time, and those who ask may not: the thread of the broker's client, and
    whoever waits for the same lock. The file is found by a later try.
    """
    outcome: Queue[ModelFile | BaseException] = Queue()
    if not _FETCHING.acquire(blocking=False):
        raise DeviceError(f"{name} is not here yet, and a model is being fetched already")

    def run() -> None:
        try:
            outcome.put(pull())
        finally:
            _FETCHING.release()

    new_thread("fetch", run, outcome.put).start()
    try:
        found = outcome.get(timeout=patience)
    except Empty:
        raise DeviceError(f"{name} is being fetched, and is used once it is here") from None
    if isinstance(found, BaseException):
        raise found
    return found


def _probe_unknown(section: ModelSection, model: ModelFile) -> None:
    """Try a file that is in no manifest in a child process: native code may crash on it."""
    if model.entry is None and section.runtime != "replay" and not _is_compiled(model):
        for path in networks(model, section.detector):
            probe(path, interpreter=section.interpreter)


def _is_compiled(model: ModelFile) -> bool:
    return model.path.stem.endswith("_edgetpu")


def _configured(family: Family, section: ModelSection, model: ModelFile) -> Family:
    """Return the family with the options of the manifest and, above them, the configuration."""
    entry = model.entry
    family = family.configured({**(entry.options if entry else {}), **_decoding(section, entry)})
    presence = (section.min_score, entry.min_score if entry else None)
    family.min_score = next((s for s in presence if s is not None), family.min_score)
    family.keep_score = entry.keep_score if entry else None
    return family


def _decoding(section: ModelSection, entry: Entry | None) -> dict[str, Any]:
    """Return the options that are not settled by the choice of the file."""
    options = {name: value for name, value in section.options.items() if name != "modelUrl"}
    build = build_of(entry) if entry else None
    if build is None:
        return options
    build.check(options)
    return build.left(options)


def _new_runtime(section: ModelSection, model: ModelFile, fetch: Fetch) -> Runtime:
    """Return the one way to run a model, or failover between those that the section allows."""
    candidates = _candidates(section, model, fetch)
    return FailoverRuntime(candidates) if len(candidates) > 1 else candidates[0].make()


def _candidates(section: ModelSection, model: ModelFile, fetch: Fetch) -> list[Candidate]:
    """Return the ways to run a model, best first.

    auto takes the Edge TPU when one is plugged in and the model's build for it is installed.
    """
    if section.runtime == "replay":
        return [Candidate("recorded tensors", lambda: part("runtime", "replay")(model.path))]
    tpu, cpu = builds(model)
    on_tpu = Candidate("Edge TPU", lambda: _edgetpu(section, tpu, fetch))
    on_cpu = Candidate("CPU", lambda: _litert(section, cpu, fetch))
    if runs_on_cpu(section, model):
        return [on_cpu]
    return [on_tpu, on_cpu] if section.fallback and cpu else [on_tpu]


def runs_on_cpu(section: ModelSection, model: ModelFile) -> bool:
    """Return whether the CPU alone runs a model: no chip is asked for, or none is there."""
    if section.runtime == "replay":
        return False
    return section.runtime in ("cpu", "litert") or not _wants_tpu(section, builds(model)[0])


def builds(model: ModelFile) -> tuple[str, str]:
    """Return name or path of the model's builds for the Edge TPU and for the CPU, "" for none."""
    entry, path = model.entry, str(model.path)
    if entry is None:
        return (path, "") if _is_compiled(model) else ("", path)
    return (path, entry.cpu) if entry.needs == "edgetpu" else (entry.edgetpu, path)


def _why(section: ModelSection, model: ModelFile) -> str:
    """Return why the best candidate is the best."""
    if section.runtime == "replay":
        return "recorded tensors are played back"
    if section.runtime != "auto":
        return f"the configuration says `runtime: {section.runtime}`"
    tpu, _ = builds(model)
    if _wants_tpu(section, tpu):
        return "an Edge TPU is plugged in"
    if tpu not in manifest():
        return "there is no build of this model for the Edge TPU"
    if locate(manifest()[tpu]) is None:
        return f"its build for the Edge TPU is not at hand: edgepose models pull {tpu}"
    return "no Edge TPU is plugged in"


def _edgetpu(section: ModelSection, build: str, fetch: Fetch) -> Runtime:
    if not build:
        raise ModelError(
            f"{section.label}: there is no build of this model for the Edge TPU; choose one that "
            "`edgepose models list` shows for it, or `runtime: cpu`"
        )
    runtime: Runtime = part("runtime", "edgetpu")(
        _at_hand(section, build, fetch).path,
        section.device,
        section.library,
        section.interpreter,
    )
    return runtime


def _litert(section: ModelSection, build: str, fetch: Fetch) -> Runtime:
    threads = None if section.threads == "auto" else section.threads
    runtimes: list[Runtime] = [
        part("runtime", "litert")(path, threads, section.interpreter)
        for path in networks(_at_hand(section, build, fetch), section.detector)
    ]
    return TwoNetworks(*runtimes) if len(runtimes) == 2 else runtimes[0]


def _wants_tpu(section: ModelSection, tpu: str) -> bool:
    if section.runtime == "edgetpu":
        return True
    known = manifest().get(tpu)
    return known is not None and locate(known) is not None and bool(list_edge_tpus())


def best_model(preference: Sequence[str] = PREFERENCE) -> str:
    """Return the first model that is installed; DEFAULT_MODEL when there is none, to be pulled."""
    at_hand = (name for name in preference if name in manifest() and locate(manifest()[name]))
    return next(at_hand, DEFAULT_MODEL)
