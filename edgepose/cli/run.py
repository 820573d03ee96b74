"""edgepose run: the appliance, live, until its source ends or a signal comes."""

from __future__ import annotations

import gc
import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from edgepose import app
from edgepose.cli.config_options import config_argument, set_option
from edgepose.cli.console import Console, summary
from edgepose.config import Config, load
from edgepose.engine.pipeline import Pipeline
from edgepose.eyes import Eyes, open_eyes
from edgepose.outputs.base import Device, Output
from edgepose.registry import part

SWITCH_INTERVAL: Final = 0.0005  # seconds; at the default 5 ms a busy Python thread halves the rate


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
    loaded = load(config, sets)
    extra: dict[str, Output] = {} if quiet else {"console/": Console()}
    eyes = open_eyes(loaded.model)
    if record is not None:
        extra["record/"] = _recorder(app.device(loaded, eyes), record)
    if not quiet:
        click.echo(f"edgepose: {app.describe(loaded, eyes)}", err=True)
    pipeline = run_pipeline(loaded, eyes, extra)
    if as_json:
        click.echo(json.dumps(pipeline.stats.snapshot().to_dict()))
    elif not quiet:
        click.echo(summary(pipeline.stats.snapshot()), err=True)


def run_pipeline(config: Config, eyes: Eyes, extra: dict[str, Output]) -> Pipeline:
    """Run a configuration to its end in this process; return the pipeline for its figures."""
    try:
        pipeline = app.new_pipeline(config, eyes, extra)
        tune_python()
        with _stop_on_signal() as stop:
            pipeline.run(stop)
    finally:
        eyes.close()
    return pipeline


def tune_python() -> None:
    """Set the interpreter up for a pipeline: quick thread switches, no walks over start-up data."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.freeze()


def _recorder(device: Device, path: Path) -> Output:
    recording = part("output", "recording")
    output: Output = recording(recording.Options(path=path.absolute()), device)
    return output


@contextmanager
def _stop_on_signal() -> Iterator[threading.Event]:
    """Set an event on SIGTERM and SIGINT; a second SIGINT breaks off at once."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: _interrupt(stop))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(stop: threading.Event) -> None:
    if stop.is_set():
        raise KeyboardInterrupt
    stop.set()
