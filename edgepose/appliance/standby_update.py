"""Pushed configurations and templates while nothing runs: the way to repair a device remotely."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgepose.appliance.remote_update import named, refusal, texts
from edgepose.appliance.update_journal import UpdateJournal
from edgepose.config.edit import save_text
from edgepose.config.files import ConfigFiles
from edgepose.config.last_broker import Control, remote_outputs
from edgepose.config.loader import Config
from edgepose.definitions import library, template_file
from edgepose.errors import ConfigError, UserError


class StandbyUpdate:
    """Pushes that are written at once: there is nothing that runs to go back to.

    So a pushed configuration must keep the broker and the login over which it came. retry: lets
    the service read its files again.
    """

    def __init__(self, files: ConfigFiles, control: Control, retry: Callable[[], None]) -> None:
        self._files = files
        self._control = control
        self._retry = retry
        path = control.config.path
        self._path = path if path in files.paths else files.given
        self._journal = UpdateJournal.of(self._path)

    @property
    def answers(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the latest answer for `config` and for each `template/NAME`."""
        return self._journal.answers

    def is_answered(self, key: str, push: str) -> bool:
        """Return whether a push to `config` or `template/NAME` was answered before."""
        return self._journal.is_answered(key, push)

    @property
    def commands(self) -> dict[str, Callable[[Any], str]]:
        """Return the commands that are carried out here; see Controls.command."""
        return {"push_config": self.take_config, "push_template": self.take_template}

    def take_config(self, value: Any) -> str:
        """Replace the configuration: {"id", "text"}. Raises UserError for a refused one."""
        push, text = texts(value, "id", "text")
        return self._carry_out("config", push, text, lambda: self._put_config(text))

    def take_template(self, value: Any) -> str:
        """Replace a template: {"id", "name", "text"}. Raises UserError for a refused one."""
        push, name, text = texts(value, "id", "name", "text")
        template_file.must_be_name(name)
        key = f"template/{name}"
        return self._carry_out(key, push, text, lambda: self._put_template(name, text))

    def _carry_out(self, key: str, push: str, text: str, put: Callable[[], str]) -> str:
        if self._journal.is_answered(key, push):
            return self._journal.text(key)
        try:
            done = put()
        except Exception as error:
            reason = refusal(error)
            self._journal.answer(key, push, text, "refused", reason)
            raise UserError(reason) from error
        self._journal.answer(key, push, text, "accepted", done)
        self._retry()
        return done

    def _put_config(self, text: str) -> str:
        now, path = self._control.protected, self._path
        text, config = named(text, now, lambda text: self._files.parse(text, path))
        if not _brokers(config) & _brokers(now):
            raise ConfigError(
                "outputs: expected an mqtt output with the same broker, login and `topic_prefix` "
                "as before: nothing runs that could be gone back to"
            )
        save_text(path, text)
        return f"it is written to {path}, and tried"

    def _put_template(self, name: str, text: str) -> str:
        path = Path(self._path).absolute().parent / "templates" / f"{name}.yaml"
        template_file.loads(text, path.name)
        library.must_have_room(path)
        save_text(path, text)
        return f"template '{name}' is in place, and the configuration is tried again"


def _brokers(config: Config) -> set[tuple[object, ...]]:
    return {out.options.remote_broker() for out in remote_outputs(config).values()}
