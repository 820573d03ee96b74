"""Say what the last power cut left, then write until the next one.

Three things are written as the appliance writes them: a configuration (what the web page's *save*
does), a template and the outbox of MQTT. Each write has a number, and is told on the console only
when the appliance may rely on it. Usage: writer.py FOLDER; it has edgepose.yaml with a watch
`arms_up` and its template. Runs in the virtual machine, as its first process.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from edgepose.config.edit import save_edits
from edgepose.config.loader import load
from edgepose.definitions import template_file
from edgepose.outputs.outbox import Outbox

FOLDER = Path(sys.argv[1])
CONFIG = FOLDER / "edgepose.yaml"
TEMPLATE = FOLDER / "templates" / "arms_up.yaml"
STEP = 0.001  # by which `hold` and `size_deviation` grow with each number


class Things:
    """Write and read back the three; numbers grow by one with each write."""

    def __init__(self) -> None:
        self.outbox = Outbox(FOLDER / "outbox.db", limit=1_000_000)
        self.outbox.open()
        self.config = load(CONFIG)

    def found(self) -> dict[str, int]:
        """Return the number that each holds. Raises where one is damaged."""
        messages = self.outbox.after(0, 1_000_000)
        for number, message in enumerate(messages, 1):
            assert (message.id, message.payload) == (f"event-{number}", payload(number))
        template = template_file.load(TEMPLATE)
        return {
            "outbox": len(messages),
            "config": round(self.config.watches["arms_up"].hold / STEP),
            "template": round((template.size_deviation - 1) / STEP),
        }

    def put(self, number: int) -> None:
        """Put an event into the outbox."""
        self.outbox.put([(f"event-{number}", payload(number))])

    def configure(self, number: int) -> None:
        """Change a threshold in the configuration."""
        save_edits(CONFIG, {("watch", "arms_up", "hold"): number * STEP})

    def teach(self, number: int) -> None:
        """Write the template anew."""
        template = template_file.load(TEMPLATE)
        template_file.save(TEMPLATE, replace(template, size_deviation=1 + number * STEP))


def payload(number: int) -> bytes:
    """Return what an event with that number says: a few hundred bytes, no two alike."""
    return f"{number} ".encode() * 60


def main() -> None:
    """Tell, then write for ever."""
    things = Things()
    found = things.found()
    say("found", found)
    say("files", sorted(path.name for path in FOLDER.iterdir()))
    writes: dict[str, Callable[[int], None]] = {
        "outbox": things.put, "config": things.configure, "template": things.teach,
    }  # fmt: skip
    for step in itertools.count(1):
        for name, write in writes.items():
            write(found[name] + step)
            say("wrote", name, found[name] + step)


def say(*words: object) -> None:
    """Print a line on the console."""
    print(*words, file=sys.stderr, flush=True)  # noqa: T201 - the test reads it


if __name__ == "__main__":
    main()
