"""The templates of a watch, with the watch's own tolerances over those of the files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from edgepose.config.file_cache import cached
from edgepose.config.schema import LimbSection, WatchSection
from edgepose.core.templates import LimbRule, Template
from edgepose.definitions import template_file
from edgepose.options import Options

_TOLERANCES: Final = ("angle_deviation", "size_deviation", "min_visible", "mirror", "facing")
_RULE: Final = tuple(field.name for field in fields(LimbRule))


_load: Final = cached(template_file.load)  # reading one takes 10 ms here


def load_templates(watch: WatchSection) -> tuple[Template, ...]:
    """Return the templates of a watch as their files have them. Raises TemplateError."""
    return tuple(_load(path) for path in watch.templates)


def adapt(templates: Sequence[Template], watch: WatchSection) -> tuple[Template, ...]:
    """Return templates with the tolerances of the watch.

    Raises TemplateError where that does not fit, such as more visible limbs than there are.
    """
    return tuple(_adapted(template, watch) for template in templates)


def _adapted(template: Template, watch: WatchSection) -> Template:
    changes = _given(watch, _TOLERANCES)
    if watch.limbs:
        changes["limbs"] = _rules(template.limbs, watch.limbs)
        changes["ignore"] = template.ignore | {
            limb for limb, rule in watch.limbs.items() if rule.ignore
        }
    return replace(template, **changes) if changes else template


def _rules(
    own: Mapping[str, LimbRule], wanted: Mapping[Any, LimbSection]
) -> Mapping[str, LimbRule]:
    """Return the rules of a template with those of a watch over them, key by key."""
    rules = dict(own)
    for limb, section in wanted.items():
        rules[limb] = replace(rules.get(limb, LimbRule()), **_given(section, _RULE))
    return rules


def _given(section: Options, keys: Iterable[str]) -> dict[str, Any]:
    """Return the values that a section has for some of its keys."""
    values = {key: getattr(section, key) for key in keys}
    return {key: value for key, value in values.items() if value is not None}
