"""What a shell completes besides commands, options and files: names of models and definitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from edgepose.definitions.library import Kind

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def models(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Return the models of the manifest that begin so, and files after a slash."""
    from edgepose.modelstore.manifest import manifest

    if "/" in incomplete:
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(name) for name in manifest() if name.startswith(incomplete)]


def definitions(kind: Kind) -> Complete:
    """Return what completes the names of templates, exercises or routines."""

    def complete(
        ctx: click.Context,  # noqa: ARG001
        param: click.Parameter,  # noqa: ARG001
        incomplete: str,
    ) -> list[CompletionItem]:
        from edgepose.definitions.library import known

        if "/" in incomplete:
            return [CompletionItem(incomplete, type="file")]
        return [CompletionItem(name) for name in known(kind) if name.startswith(incomplete)]

    return complete
