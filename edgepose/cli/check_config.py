"""edgepose check-config: describe what a configuration would run, or list its mistakes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import click

from edgepose.cli.command import Command
from edgepose.cli.options import config_argument, set_option
from edgepose.config.edit import save_text
from edgepose.config.files import boot_files, misnamed_files
from edgepose.config.hidden import HIDDEN, without_path
from edgepose.config.limits import commands_of
from edgepose.config.loader import Config, load, loads
from edgepose.config.migrate import migrate
from edgepose.config.model_options import most_people
from edgepose.config.on_disk import check_files
from edgepose.config.plugins import Part
from edgepose.config.schema import VERSION, WatchSection
from edgepose.definitions.classifier_file import Examples, is_sideways
from edgepose.errors import ConfigError, counted
from edgepose.modelstore.manifest import manifest
from edgepose.modelstore.search import MissingModel, find
from edgepose.options import Options
from edgepose.system.urls import redacted_in
from edgepose.yamldoc.document import read_text
from edgepose.yamldoc.marks import flow
from edgepose.yamldoc.validation import is_secret

MANY_MS: Final = 30.0  # a frame; below it the watches' share is that of a small model
WATCH_MS: Final = 0.3  # of one pose watch and person, measured on x86-64 with other work (10..1000)
OUTPUT_MS: Final = {"mqtt": 0.012, "hdmi": 0.03, "video": 0.03, "web": 0.03}
# Of one watch, in an output of such a type; measured as above with 1,000 watches and eight outputs.
# Other types take the same for any number of watches.


@click.command(
    "check-config",
    cls=Command,
    examples=[
        "edgepose check-config kiosk.yaml",
        "edgepose check-config kiosk.yaml --set source.fps=15 --json",
        "edgepose check-config old.yaml --migrate",
    ],
)
@config_argument
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--migrate",
    "migrates",
    is_flag=True,
    help="Rewrite a file of an older version, comments kept; the old one stays as NAME.bak.",
)
@click.pass_context
def check_config(
    ctx: click.Context, config: Path, sets: tuple[str, ...], as_json: bool, migrates: bool
) -> None:
    """Check a configuration file and describe in a few lines what it would run.

    Exit code 2, with one line for each mistake, when it can't be used. No camera, model or
    network is used.
    """
    try:
        if migrates:
            _migrate(config, sets)
        checked = load(config, sets)
        check_files(checked, sets)
    except ConfigError as error:
        if not as_json:
            raise
        click.echo(
            json.dumps({"ok": False, "errors": [problem.text for problem in error.problems]})
        )
        ctx.exit(error.exit_code)
    if as_json:
        click.echo(json.dumps({"ok": True, **as_dict(checked)}))
    else:
        _print(checked)


def _migrate(path: Path, sets: tuple[str, ...]) -> None:
    """Rewrite the file for the current version. Raises ConfigError if the result can't be used."""
    before = read_text(path, ConfigError)
    after = migrate(before, str(path))
    if after != before:
        loads(after, path, sets)
        save_text(path.with_suffix(f"{path.suffix}.bak"), before)
        save_text(path, after)


def as_dict(config: Config) -> dict[str, Any]:
    """Return the whole configuration as plain values, with defaults, secrets hidden."""
    smoothing = config.smoothing
    return {
        "path": str(config.path),
        "name": config.name,
        "source": _part_dict(config.source),
        "model": _dump(config.model),
        "smoothing": smoothing if isinstance(smoothing, str) else asdict(smoothing),
        "people": _dump(config.people),
        "watch": {name: _dump(watch) for name, watch in config.watches.items()},
        "profiles": {name: _dump(profile) for name, profile in config.profiles.items()},
        "outputs": {
            name: _with_short_url(_part_dict(part)) for name, part in config.outputs.items()
        },
        "notes": list(notes(config)),
    }


def notes(config: Config) -> Iterator[str]:
    """Yield notes about what is valid, but perhaps not intended."""
    if not config.watches:
        yield "There is no watch: poses are found, and nothing fires."
    if not config.outputs:
        yield "There is no output: nothing is shown, recorded or sent."
    yield from _missing_model(config)
    yield from _too_many_people(config)
    yield from _too_many_watches(config)
    yield from _never_started(config)
    yield from _sideways(config)
    if config.is_outdated:
        yield f"The file is of an older version; --migrate brings it to {VERSION}."
    comes_first = takewhile(config.path.absolute().__ne__, boot_files(config.path))
    for path in [path for path in comes_first if path.is_file()]:
        yield f"A service reads {path} instead{_fault(path)}"
    for path in misnamed_files(config.path):
        yield f"{path} is not read: rename it to {config.path.name} (Windows hides the .txt)."


def _missing_model(config: Config) -> Iterator[str]:
    """Yield that the file of the model is not on this machine, and how to get it."""
    name = config.model.name
    try:
        if name is not None and name in manifest():
            find(name)
    except MissingModel as error:
        yield f"`run` can't start yet: {error}."


def _too_many_people(config: Config) -> Iterator[str]:
    """Yield that more people are to count than the model finds."""
    most = most_people(config.model)
    if most is not None and config.people.max > most:
        yield (
            f"people.max is {config.people.max}, but {config.model.label} finds {most} at most; "
            "`edgepose models list` names models for several."
        )


def _too_many_watches(config: Config) -> Iterator[str]:
    """Yield that watches and outputs, rather than the model, decide the frame rate."""
    watches, people = len(config.watches), config.people.max
    each = sum(OUTPUT_MS.get(output.type, 0.0) for output in config.outputs.values())
    looked, shown = watches * people * WATCH_MS, watches * each
    if looked + shown > MANY_MS:
        outputs = f", and showing each of them in the outputs {shown:.0f} ms more" if each else ""
        who = "1 person" if people == 1 else f"{people} people"
        yield (
            f"{counted(watches, 'watch')} of up to {who} take about "
            f"{looked:.0f} ms a frame on a desktop processor{outputs}; several times that on a Pi: "
            "the frame rate falls."
        )


def _never_started(config: Config) -> Iterator[str]:
    """Yield which routines have no pose, button, page or broker that starts them."""
    for name, routine in config.routines.items():
        outputs = config.outputs.values()
        if routine.start is None and not any(_may_start(name, out, config) for out in outputs):
            yield (
                f"Nothing starts the routine of watch {name}: add `start: {{template: arms_up}}` "
                "to its file, or an output of type button, web or mqtt."
            )


def _may_start(name: str, output: Part, config: Config) -> bool:
    takes = output.type in ("web", "mqtt") and "routine" in commands_of(
        config.commands, output.type
    )
    return takes or name in output.options.starts()


def _sideways(config: Config) -> Iterator[str]:
    """Yield which files of examples may have x and y in each other's columns."""
    for name, classifier in config.classifiers.items():
        if isinstance(classifier, Examples) and is_sideways(classifier):
            watch = config.watches[name]
            other = "xy" if watch.order == "yx" else "yx"
            yield (
                f"Most people in {watch.classifier} lie on their side; if they stand, its columns "
                f"have x and y swapped: write `order: {other}`."
            )


def _fault(path: Path) -> str:
    """Return the end of the sentence about a file that comes first."""
    try:
        load(path)
    except ConfigError as error:
        return f", but it can't be used: {error}"
    return "."


def _part_dict(part: Part) -> dict[str, Any]:
    return {"type": part.type, **_dump(part.options)}


def _with_short_url(values: dict[str, Any]) -> dict[str, Any]:
    """Return an output's values without the path of its URL, which is a secret with many."""
    return values | ({"url": without_path(values["url"])} if "url" in values else {})


def _dump(options: Options) -> dict[str, Any]:
    values = options.model_dump(mode="json")
    return {key: _shown(key, value) for key, value in values.items()}


def _shown(key: str, value: Any) -> Any:
    """Return a value with secrets hidden, also inside a URL."""
    if isinstance(value, str):
        value = redacted_in(value, f"{HIDDEN}@")
    return HIDDEN if is_secret(key) and value else value


def _print(config: Config) -> None:
    rows = list(_rows(config))
    wide = max(len(name) for _, name, _ in rows)
    click.echo(f"{config.path} can be used. It runs:")
    for what, name, how in rows:
        click.echo(f"  {what:<10} {name:<{wide}}  {how}".rstrip())
    for note in notes(config):
        click.echo(f"Note: {note}")


def _rows(config: Config) -> Iterator[tuple[str, str, str]]:
    """Yield (what, name, how) for each thing that would run."""
    yield "device", config.name, ""
    yield "source", config.source.type, _chosen(config.source.options)
    model = config.model
    is_named = bool(model.name or model.path or model.url)
    name = model.label if is_named else "the best here"
    yield "model", name, _chosen(model, "name", "path")
    filter = config.smoothing
    yield "smoothing", filter if isinstance(filter, str) else type(filter).__name__, ""
    yield "people", config.people.select, _chosen(config.people, "select") or "max 1"
    for name, watch in config.watches.items():
        yield "watch", name, _watch(watch)
    for name, profile in config.profiles.items():
        yield (
            "profile",
            name,
            f"watching {', '.join(profile.watching(config.watches)) or 'nothing'}",
        )
    for name, output in config.outputs.items():
        how = _given(output.options, _with_short_url(_dump(output.options)))
        yield "output", name, f"{output.type}: {how}" if how else output.type


def _watch(watch: WatchSection) -> str:
    if watch.routine is not None:
        return f"routine {watch.routine.stem}"
    if watch.exercise is not None:
        goal = "" if watch.goal is None else f", goal {watch.goal:g}"
        return f"exercise {watch.exercise.stem}{goal}, rest {watch.rest:g} s"
    what = " or ".join(path.name for path in watch.templates)
    if watch.classifier is not None:
        what = f"class {watch.class_name} of {watch.classifier.name}"
    return f"{what}, enter {watch.enter:g}, exit {watch.exit:g}, hold {watch.hold:g} s"


def _chosen(options: Options, *besides: str) -> str:
    """Return the options that the file sets for a part."""
    return _given(options, _dump(options), *besides)


def _given(options: Options, values: Mapping[str, Any], *besides: str) -> str:
    given = [key for key in type(options).model_fields if key in options.model_fields_set]
    return ", ".join(f"{key} {flow(values[key])}" for key in given if key not in besides)
