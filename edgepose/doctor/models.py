"""Checks of the model: presence, checksum, and the backend that runs it, fallback or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from edgepose.appliance.model import best_model, builds
from edgepose.config.model_section import ModelSection
from edgepose.doctor.coral import INSTALL, plugged_in
from edgepose.doctor.finding import Finding, Intent, fail, ok, warn
from edgepose.doctor.packages import BEST
from edgepose.doctor.system import System
from edgepose.errors import EdgeposeError, LostCause, ModelError, RuntimeLost, error_text
from edgepose.modelstore.checksum import fault
from edgepose.modelstore.choice import url_entry
from edgepose.modelstore.manifest import Entry, manifest
from edgepose.modelstore.networks import networks
from edgepose.modelstore.search import MissingModel, ModelFile, find, identify, locate
from edgepose.runtimes.edgetpu import BACKEND
from edgepose.runtimes.interpreter import InterpreterError
from edgepose.runtimes.pairs import candidates, find_pair
from edgepose.runtimes.probe import probe
from edgepose.system.status_file import reports

Probe = Callable[..., float]
_ANOTHER: Final = "choose a model with a build for the chip: edgepose models list"


def model(system: System, intent: Intent) -> Finding:
    """Check whether the model's file is here and matches the manifest."""
    if intent.model.url:
        return _by_url(url_entry(intent.model.url))
    return _by_name(intent.model.path or intent.model.name or best_model())


def _by_name(wanted: Path | str) -> Finding:
    try:
        found = find(wanted)
        wrong = fault(found.path, found.entry) if found.entry else ""
    except ModelError as error:
        sentence = error.fault if isinstance(error, MissingModel) else str(error)
        return fail("model", sentence, _fetch(wanted))
    except OSError as error:
        return fail("model", f"{wanted}: {error_text(error)}", _fetch(wanted))
    if wrong:
        return fail("model", f"{found.path}: {wrong}", _fetch(found.name))
    if found.entry is None:
        return ok("model", f"{found.path}, not a known model")
    if not found.entry.has_checksum:
        return ok("model", f"{found.name}; no checksum of it is known")
    return ok("model", f"{found.name}, its checksum matches")


def _by_url(wanted: Entry) -> Finding:
    """Report whether a model that is configured by its URL was fetched before."""
    path = locate(wanted)
    if path is None:
        return warn("model", f"{wanted.name} is not here yet", "edgepose run fetches it")
    wrong = fault(path, wanted)
    return fail("model", f"{path}: {wrong}", f"rm {path}") if wrong else ok("model", str(path))


def _fetch(wanted: Path | str) -> str:
    if str(wanted) in manifest():
        return f"edgepose models pull {wanted}"
    return "correct model.path or model.name (see: edgepose models list)"


def backend(system: System, intent: Intent, run_probe: Probe = probe) -> Finding | None:
    """Report what runs the model, tried once in a child process, and why if not the chip."""
    section, found = intent.model, _model(intent.model)
    if found is None or section.runtime == "replay":
        return None
    tpu, cpu = builds(found)
    if _is_for_cpu(system, section, cpu):
        return _on_cpu(system, section, cpu, run_probe)
    obstacle = _obstacle(system, found, tpu)
    if obstacle is not None:
        return _fallback(section, cpu, *obstacle)
    return _on_tpu(system, section, tpu, cpu, run_probe)


def _is_for_cpu(system: System, section: ModelSection, cpu: str) -> bool:
    """Return whether the CPU is configured, or is what auto chooses without a chip."""
    if section.runtime == "auto":
        return bool(cpu) and not plugged_in(system)
    return section.runtime in ("cpu", "litert")


def _obstacle(system: System, found: ModelFile, tpu: str) -> tuple[str, str] | None:
    """Return why the Edge TPU can't be tried, and the remedy; None when it can."""
    if not tpu:
        return f"{found.name} has no build for the Edge TPU", _ANOTHER
    if _path(tpu) is None:
        remedy = f"edgepose models pull {tpu}"
        return f"the build for the Edge TPU, {tpu}, is not here", remedy
    return None if plugged_in(system) else ("no Edge TPU is connected", "connect one")


def _model(section: ModelSection) -> ModelFile | None:
    """Return the model's file, None without one: the check `model` says why."""
    if section.url:
        path = locate(url_entry(section.url))
        return ModelFile(path, identify(path)) if path else None
    try:
        return find(section.path or section.name or best_model())
    except ModelError:
        return None


def _path(build: str) -> Path | None:
    """Return the file of a build, None where it is not here."""
    if build in manifest():
        return locate(manifest()[build])
    return Path(build) if build else None


def _on_cpu(system: System, section: ModelSection, build: str, run_probe: Probe) -> Finding:
    path = _path(build)
    if path is None:
        sentence = "the model's build for the CPU is not here"
        return fail("runs on", sentence, f"edgepose models pull {build}" if build else _ANOTHER)
    try:
        for network in networks(find(build), section.detector):  # the last one runs in each frame
            seconds = run_probe(network, interpreter=section.interpreter)
    except ModelError as error:
        return fail("runs on", str(error), "edgepose models verify")
    except InterpreterError as error:
        return fail("runs on", error.fault, system.pip(BEST))
    return ok("runs on", f"the CPU, {seconds * 1e3:.1f} ms an inference on one thread")


def _on_tpu(system: System, section: ModelSection, tpu: str, cpu: str, run_probe: Probe) -> Finding:
    if holder := edgetpu_holder(system):
        return ok("runs on", f"not tried: {holder}")
    options = {"device": section.device} if section.device else {}
    path = _path(tpu)
    assert path is not None, "an obstacle otherwise"
    try:
        pairs = list(candidates(section.interpreter, section.library))
        pair, seconds = find_pair(path, pairs, options, run_probe=run_probe)
    except RuntimeLost as error:
        is_absent = error.cause is LostCause.ABSENT
        remedy = INSTALL if is_absent else "disconnect the Edge TPU and connect it again"
        return _fallback(section, cpu, str(error), remedy)
    except EdgeposeError as error:
        return _fallback(section, cpu, str(error), "edgepose models verify")
    with_it = f" by {pair.library} with {pair.interpreter}" if len(pairs) > 1 else ""
    return ok("runs on", f"the Edge TPU{with_it}, {seconds * 1e3:.1f} ms an inference")


def _fallback(section: ModelSection, cpu: str, reason: str, remedy: str) -> Finding:
    """Return that the chip can't be used: a warning with a fallback to the CPU, else a failure."""
    if section.fallback and _path(cpu) is not None:
        return warn("runs on", f"falls back to the CPU: {reason}", remedy)
    why = "and the model has no build for the CPU here" if section.fallback else "fallback is off"
    return fail("runs on", f"nothing can run the model: {reason}, {why}", remedy)


def collection(system: System, intent: Intent) -> Finding | None:
    """Compare every known model on the search path with the manifest."""
    here = {name: path for name, known in manifest().items() if (path := locate(known))}
    wrong = {name: _fault(name, path) for name, path in here.items()}
    damaged = [name for name, text in wrong.items() if text]
    if damaged:
        first = f"{here[damaged[0]]}: {wrong[damaged[0]]}"
        more = f" (and {len(damaged) - 1} more)" if len(damaged) > 1 else ""
        remedy = f"edgepose models pull {' '.join(damaged)}"
        return warn("models", f"{first}{more}", remedy)
    sentence = f"{len(here)} of {len(manifest())} known models are here, none damaged"
    return ok("models", sentence) if here else None


def _fault(name: str, path: Path) -> str:
    try:
        return fault(path, manifest()[name])
    except OSError as error:
        return f"can't be read: {error_text(error)}"


UNITS: Final = ("edgepose.service", "edgepose@*.service")  # for one camera, and one for each
_LISTED: Final = ("--plain", "--no-legend", "--state=active,activating,reloading,deactivating")


def running(system: System) -> tuple[str, ...]:
    """Return the units of edgepose that run, start or stop."""
    answer = system.ask("systemctl", "list-units", *_LISTED, *UNITS)
    lines = answer.out.splitlines() if answer is not None and answer.code == 0 else []
    return tuple(words[0] for words in map(str.split, lines) if words)


def edgetpu_holder(system: System) -> str:
    """Return which service uses the Edge TPU or may use it, `""` when it is free."""
    units = running(system)
    health = {report.instance: report.health for report in reports(system.path("run/edgepose"))}
    instances = {unit: unit.removesuffix(".service").partition("@")[2] for unit in units}
    backends = {unit: _backend(health.get(name, {})) for unit, name in instances.items()}
    for unit, backend in backends.items():
        if backend.startswith(BACKEND):
            return f"{unit} uses the Edge TPU"
    silent = [unit for unit, backend in backends.items() if not backend]
    return f"{silent[0]} is running and may use the Edge TPU" if silent else ""


def _backend(health: object) -> str:
    runtime = health.get("runtime") if isinstance(health, dict) else None
    return str(runtime.get("backend") or "") if isinstance(runtime, dict) else ""
