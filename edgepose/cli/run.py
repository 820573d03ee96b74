"""edgepose run: the appliance, live, until its source ends or a signal comes."""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from edgepose.appliance import assembly
from edgepose.appliance.appliance import Appliance
from edgepose.appliance.remote_update import roll_back_crashing
from edgepose.appliance.service import Service, supervised
from edgepose.cli import stdout
from edgepose.cli.command import Command
from edgepose.cli.console import Console, summary
from edgepose.cli.options import config_argument, set_option
from edgepose.config.files import ConfigFiles, service_files
from edgepose.config.loader import Config, load
from edgepose.config.model_section import DEFAULT_MODEL
from edgepose.config.on_disk import check_files
from edgepose.config.reload import ActiveConfig
from edgepose.errors import DeviceError, UserError
from edgepose.outputs.base import Device, Output
from edgepose.outputs.line_file import why_unusable
from edgepose.registry import part
from edgepose.system import confined, last_exit, malloc
from edgepose.system.paths import state_folder
from edgepose.system.status_file import own_folder

log = logging.getLogger(__name__)

SWITCH_INTERVAL: Final = 0.0005  # seconds; at the default 5 ms a busy Python thread halves the rate

Start = Callable[[ActiveConfig], Appliance]
MAKESHIFT: Final = (
    f"using the small model in the box; `edgepose models pull {DEFAULT_MODEL}` gets a better one"
)


@click.command(
    cls=Command,
    examples=[
        "edgepose run kiosk.yaml",
        "edgepose run kiosk.yaml --set source.device=/dev/video2 --record poses.jsonl",
        "edgepose run kiosk.yaml --json",
    ],
)
@config_argument
@set_option
@click.option("--record", type=click.Path(path_type=Path), help="Also record poses, for `replay`.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print events and the final figures as JSON, one a line.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.option(
    "--service/--no-service",
    default=None,
    help="Keep running whatever CONFIG says: on the last good one, or wait until it is right; a "
    "file of that name on the boot partition comes first. On where systemd waits for READY.",
)
def run(
    config: Path,
    sets: tuple[str, ...],
    record: Path | None,
    as_json: bool,
    quiet: bool,
    service: bool | None,
) -> None:
    """Run the pipeline that CONFIG describes, until the source ends or Ctrl-C.

    Events are printed on stdout, everything else on stderr.
    """
    console = None if quiet else Console(as_json)

    def start(active: ActiveConfig) -> Appliance:
        return _new_appliance(active, record, console)

    malloc.limit_arenas()
    is_service = "NOTIFY_SOCKET" in os.environ if service is None else service
    files = service_files(config, sets, state_folder()) if is_service else ConfigFiles(config, sets)
    roll_back_crashing(files, last_exit.has_failed(own_folder()))
    if is_service:
        appliance = _serve(files, start)
    else:
        appliance = _run(files, _checked(config, sets, record), start)
    if appliance is None:
        return
    figures = appliance.figures()
    if as_json:
        click.echo(json.dumps(figures.to_dict()))
    elif console is not None:
        for missed in console.near_misses():
            click.echo(missed, err=True)
        click.echo(summary(figures), err=True)
    if console is not None and console.fault and not is_service:
        stdout.discard()
        raise DeviceError(f"events of this run are not printed: {console.fault}")
    if appliance.lost and not is_service:
        total = figures.counts.get("events", 0)
        lost = (f"'{name}' {count} of {total}" for name, count in appliance.lost.items())
        raise DeviceError(f"events of this run were lost: {', '.join(lost)}")


def _checked(path: Path, sets: tuple[str, ...], record: Path | None) -> Config:
    """Return the configuration, whose outputs can write to their files. Raises UserError."""
    config = load(path, sets)
    check_files(config, sets)
    if record is not None:
        _check_record(record, config)
    return config


def _check_record(record: Path, config: Config) -> None:
    """Raise UserError for a file of another output, or one that holds something else."""
    if reason := why_unusable(record):
        raise UserError(f"--record: {reason}")
    for name, output in config.outputs.items():
        if os.path.realpath(record) in map(os.path.realpath, output.options.writes()):
            raise UserError(f"--record: {record} is the file of outputs.{name}; name another one")


def _run(files: ConfigFiles, config: Config, start: Start) -> Appliance:
    """Run a configuration at a terminal: what is wrong with it ends the run."""
    appliance = start(ActiveConfig(config, files))
    with _signals(appliance), supervised(appliance, own_folder()):  # one may come right after READY
        appliance.run()
    return appliance


def _serve(files: ConfigFiles, start: Start) -> Appliance | None:
    """Run as a service; None where it was stopped before there was anything to run."""
    confined.keep_secrets()
    _report_misnamed(files)
    service = Service(files, start, own_folder())
    with _signals(service):
        service.run()
    return service.appliance


def _report_misnamed(files: ConfigFiles) -> None:
    """Warn about files on the boot partition that somebody meant to be read."""
    for path in files.misnamed:
        text = "%s is not read: rename it to %s (Windows hides the .txt at the end of names)."
        log.warning(text, path, files.given.name)


def _new_appliance(active: ActiveConfig, record: Path | None, console: Console | None) -> Appliance:
    """Return an appliance whose model is warmed up. Raises EdgeposeError."""
    extra: dict[str, Output] = {} if console is None else {"console": console}
    config = active.config
    appliance = Appliance(config, extra, active)
    if record is not None:
        appliance.add("record", _recorder(assembly.device(config, appliance.model), record))
    if console is not None:
        console.attach(lambda: _outputs_health(appliance), appliance.stop)
        click.echo(f"edgepose: {assembly.describe(config, appliance.model)}", err=True)
        if appliance.model.is_makeshift:
            click.echo(f"edgepose: {MAKESHIFT}", err=True)
    if config.model.runtime != "replay":  # whose recorded tensors are for the frames alone
        appliance.model.warm_up()
    tune_python()
    return appliance


def _outputs_health(appliance: Appliance) -> list[Mapping[str, Any]]:
    return [worker.output.health for worker in appliance.pipeline.outputs.values()]


def run_appliance(appliance: Appliance) -> None:
    """Run until the source ends or a signal comes: TERM and INT stop, HUP reloads."""
    tune_python()
    with _signals(appliance):
        appliance.run()


def tune_python() -> None:
    """Set the interpreter up for a pipeline: quick thread switches, no walks over start-up data."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.freeze()


def _recorder(device: Device, path: Path) -> Output:
    recording = part("output", "recording")
    output: Output = recording(recording.Options(path=path.absolute()), device)
    output.internal = True
    return output


@contextmanager
def _signals(runner: Appliance | Service) -> Iterator[None]:
    handlers = {
        signal.SIGTERM: lambda *_: runner.stop(),
        signal.SIGINT: lambda *_: runner.stop(),
        signal.SIGHUP: lambda *_: runner.reload_soon(),
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
