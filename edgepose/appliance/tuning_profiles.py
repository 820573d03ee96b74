"""Which profile is in use, remembered over restarts: nobody is near to choose it again."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from edgepose.config.profiles import OverrideSection, ProfileSection
from edgepose.errors import UserError, near_miss
from edgepose.system import atomic
from edgepose.system.paths import state_folder

log = logging.getLogger(__name__)


class Profiles:
    """Hold the profiles of a device as they are now, and the name of the one in use.

    sections: by name, as they are now. active: a name, "" where there are no profiles.
    """

    def __init__(self, device: str, sections: Mapping[str, ProfileSection], active: str) -> None:
        """Begin with `active`, else with the last choice, else with the first."""
        self.sections = dict(sections)
        self._memory = _memory(device)
        known = (name for name in (active, self._remembered()) if name in self.sections)
        self.active = next(known, next(iter(self.sections), ""))

    def override(self, watch: str) -> OverrideSection | None:
        """Return what differs for a watch at present, None where it does not count."""
        section = self.sections.get(self.active)
        return OverrideSection() if section is None else section.of(watch)

    def with_override(self, watch: str, override: OverrideSection) -> ProfileSection:
        """Return the profile in use with something else for a watch."""
        section = self.sections[self.active]
        return section.model_copy(update={"watch": {**(section.watch or {}), watch: override}})

    def known(self, name: Any) -> str:
        """Return the name of a profile. Raises UserError, with the near miss, if there is none."""
        if not self.sections:
            raise UserError("there are no `profiles` in the configuration")
        if not isinstance(name, str) or name not in self.sections:
            shown = str(name)[:40]
            raise UserError(f"no profile '{shown}'{near_miss(shown, self.sections)}")
        return name

    def remember(self) -> None:
        """Keep the choice for the next start, where the disk lets us."""
        try:
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            atomic.write_text(self._memory, self.active)
        except OSError as error:
            reason = error.strerror or error
            log.warning("%s: can't be written (%s): a restart forgets it.", self._memory, reason)

    def _remembered(self) -> str:
        try:
            return self._memory.read_text(encoding="utf-8") if self.sections else ""
        except (OSError, UnicodeDecodeError):
            return ""


def _memory(device: str) -> Path:
    return state_folder() / "profile" / quote(device, safe=" ")
