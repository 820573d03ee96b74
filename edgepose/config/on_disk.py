"""What is on the disk where the outputs of a configuration would write.

It changes without the configuration, so it is asked by those who check or begin a run, and makes
no configuration wrong: a service reports the output as degraded instead.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from edgepose.config.loader import Config
from edgepose.config.overrides import resolve
from edgepose.errors import ConfigError
from edgepose.yamldoc.document import parse_yaml


def check_files(config: Config, sets: Sequence[str] = ()) -> None:
    """Raise ConfigError, with file and line, for outputs that can't write to their files.

    sets: those with which the configuration was loaded.
    """
    document = parse_yaml(config.text, str(config.path), ConfigError)
    _, problems = resolve(document, sets, os.environ)
    for name, output in config.outputs.items():
        for reason in output.options.obstacles():
            problems.add(("outputs", name, "path"), reason)
    problems.raise_any(ConfigError)
