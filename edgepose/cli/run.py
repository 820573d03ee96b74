"""edgepose run: the appliance, live, until its source ends or a signal comes."""

from __future__ import annotations

import gc
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from edgepose import app
from edgepose.appliance import Appliance
from edgepose.cli.config_options import config_argument, set_option
from edgepose.cli.console import Console, summary
from edgepose.config import load
from edgepose.config_files import ConfigFiles, boot_files
from edgepose.config_life import ConfigLife
from edgepose.config_sections import DEFAULT_MODEL
from edgepose.engine.sdnotify import notify
from edgepose.engine.status_file import own_folder
from edgepose.outputs.base import Device, Output
from edgepose.pushes import recover
from edgepose.registry import part

SWITCH_INTERVAL: Final = 0.0005  # seconds; at the default 5 ms a busy Python thread halves the rate

MAKESHIFT: Final = (
    f"using the small model in the box; `edgepose models pull {DEFAULT_MODEL}` gets a better one"
)


@click.command()
@config_argument
@set_option
@click.option("--record", type=click.Path(path_type=Path), help="Also record poses, for `replay`.")
@click.option("--json", "as_json", is_flag=True, help="Print the final figures as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def run(
    config: Path, sets: tuple[str, ...], record: Path | None, as_json: bool, quiet: bool
) -> None:
    """Run the pipeline that CONFIG describes, until the source ends or Ctrl-C."""
    for path in (config, *boot_files(config)):
        recover(path)
    loaded = load(config, sets)
    extra: dict[str, Output] = {} if quiet else {"console/": Console()}
    appliance = Appliance(loaded, extra, ConfigLife(loaded, ConfigFiles(config, sets)))
    if record is not None:
        appliance.add("record/", _recorder(app.device(loaded, appliance.eyes), record))
    if not quiet:
        click.echo(f"edgepose: {app.describe(loaded, appliance.eyes)}", err=True)
        if appliance.eyes.is_makeshift:
            click.echo(f"edgepose: {MAKESHIFT}", err=True)
    if loaded.model.runtime != "replay":  # whose recorded answers are for the frames alone
        appliance.eyes.try_out()
    tune_python()
    with _signals(appliance), _supervised(appliance):  # a signal may come right after READY
        appliance.run()
    figures = appliance.pipeline.stats.snapshot()
    if as_json:
        click.echo(json.dumps(figures.to_dict()))
    elif not quiet:
        click.echo(summary(figures), err=True)


def run_appliance(appliance: Appliance) -> None:
    """Run until the source ends or a signal says so: TERM and INT stop, HUP reads anew."""
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
    return output


@contextmanager
def _supervised(appliance: Appliance) -> Iterator[None]:
    """Say that the service is up, camera or not, and report as long as every part moves."""
    supervisor = appliance.supervisor(own_folder())
    supervisor.start()
    notify(READY=1)
    try:
        yield
    finally:
        supervisor.stop()


@contextmanager
def _signals(appliance: Appliance) -> Iterator[None]:
    handlers = {
        signal.SIGTERM: lambda *_: appliance.stop(),
        signal.SIGINT: lambda *_: appliance.stop(),
        signal.SIGHUP: lambda *_: appliance.reload_soon(),
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
