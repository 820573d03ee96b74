"""The six things that strangers, users and disks hand to edgepose, by name."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Final

from campaign import Target

TARGETS: Final = {
    "config": "fuzz_config:ConfigFiles",
    "template": "fuzz_template:TemplateFiles",
    "mqtt": "fuzz_mqtt:Commands",
    "outbox": "fuzz_outbox:OutboxFiles",
    "journal": "fuzz_journal:Journals",
    "web": "fuzz_web:WebRequests",
}


def new_target(name: str, folder: Path) -> Target:
    """Return a target that works in an empty folder."""
    module, _, attribute = TARGETS[name].partition(":")
    target: Target = getattr(importlib.import_module(module), attribute)(folder)
    return target
