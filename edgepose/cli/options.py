"""The arguments and options that several commands take."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from pydantic import ValidationError

Command = TypeVar("Command", bound=Callable[..., Any])


class Numbers(click.FloatRange):
    """A range of numbers; click's own lets `nan` and `inf` through."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number. Raises BadParameter for what is none, and outside of the range."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"expected a number, found {value}", param, ctx)
        return number


DIGITS: Final = 10  # of a number that is typed; int() refuses thousands
SEED: Final = click.IntRange(min=0)
SOME: Final = click.IntRange(min=1)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
camera_option = click.option(
    "--config", type=click.Path(path_type=Path), help="Live: the configuration whose camera to use."
)
countdown_option = click.option(
    "--countdown",
    type=click.IntRange(0, 60),
    default=5,
    show_default=True,
    help="Live: seconds to get ready.",
)
order_option = click.option(
    "--order",
    type=click.Choice(["xy", "yx"]),
    default="xy",
    show_default=True,
    help="What stands first in columns or inputs called x, y.",
)


def whole(text: str) -> int | None:
    """Return a whole number that was typed, None for what is none; int() takes no digits of `²`."""
    return int(text) if text.isdecimal() and len(text) < DIGITS else None


def reason(error: ValidationError) -> str:
    """Return what is wrong with a value of the command line, without pydantic's frame."""
    return str(error.errors()[0].get("ctx", {}).get("error", error))


def png_option(*names: str, text: str) -> Callable[[Command], Command]:
    """Return the option that writes a picture, `--png` besides its older names."""
    return click.option(
        *names,
        "--png",
        "png",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="OUT.png",
        help=text,
    )


def config_argument(command: Command) -> Command:
    """Add the CONFIG argument, passed as `config: Path`; the file is not read here."""
    return click.argument("config", type=click.Path(path_type=Path), metavar="CONFIG")(command)


def set_option(command: Command) -> Command:
    """Add `--set key.path=value`, passed as `sets: tuple[str, ...]` for `config.load`."""
    return click.option(
        "--set",
        "sets",
        multiple=True,
        metavar="KEY.PATH=VALUE",
        help="Override one value of the file, such as source.fps=15; may be repeated. "
        "The value is YAML, an empty one removes the key.",
    )(command)
