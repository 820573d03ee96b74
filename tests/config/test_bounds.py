"""Numbers, counts and names that would starve a device, or end its process, are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from edgepose import registry
from edgepose.config.edit import with_values
from edgepose.config.limits import LimitsSection
from edgepose.config.loader import MOST, loads
from edgepose.config.model_section import ModelSection
from edgepose.config.schema import LimbSection, PeopleSection, RateSection, WatchSection
from edgepose.config.smoothing import ExponentialSection, OneEuroSection
from edgepose.errors import ConfigError
from edgepose.options import Options

SECTIONS = (
    ModelSection, LimitsSection, RateSection, PeopleSection, LimbSection, WatchSection,
    OneEuroSection, ExponentialSection,
)  # fmt: skip
HARMLESS = {
    "weight", "size_deviation", "min_cutoff", "beta", "derivative_cutoff", "threshold_cutoff",
    "threshold_beta",
}  # fmt: skip
"""Factors of a computation: they size no memory, disk, thread or time."""


NAMES = registry.KINDS


def numbers() -> Iterator[Any]:
    """Yield every option that takes a number, as pydantic checks it."""
    parts = [registry.part(k, name).Options for k in ("source", "output") for name in NAMES[k]]
    for section in (*parts, *SECTIONS):
        for name, field in section.model_fields.items():
            if name not in HARMLESS:
                checked = (
                    Annotated[(field.annotation, *field.metadata)]
                    if field.metadata
                    else field.annotation
                )
                yield pytest.param(TypeAdapter(checked), id=f"{section.__name__}.{name}")


@pytest.mark.parametrize("option", [*numbers()])
def test_no_number_is_without_a_bound(option: TypeAdapter[Any]):
    """A thousand million kept pictures took all memory, and again at each start."""
    for number in (10**12, 1e12):
        with pytest.raises((ValidationError, TypeError)):
            option.validate_python(number)


HOSTS = ("a..b", "x" * 70 + ".y", "x\ny", "\x1b[31m", "", "ü" * 70)


@pytest.mark.parametrize("host", HOSTS, ids=ascii)
@pytest.mark.parametrize("kind", ["mqtt", "prometheus", "web"])
def test_a_host_is_one_that_a_resolver_takes(kind: str, host: str):
    """`a..b` raises UnicodeError in a socket, which is no OSError, and ended the process."""
    options: type[Options] = registry.part("output", kind).Options
    with pytest.raises(ValidationError, match="expected a host name or an address"):
        options.model_validate({"host": host})


@pytest.mark.parametrize(
    "url",
    ["http://x/ü", "http://x/a b", "http://x/\n", "http://a..b/", f"http://{'a' * 70}.x/"],
    ids=ascii,
)
def test_a_webhooks_url_can_be_asked_for_as_it_is(url: str):
    """Others raise UnicodeError at the first event, and at every start again."""
    with pytest.raises(ValidationError, match="expected"):
        registry.part("output", "webhook").Options.model_validate({"url": url})


@pytest.mark.parametrize("section", [*MOST])
def test_a_section_has_room_for_so_many_entries(section: str):
    """A push of 8,400 watches was checked for half a minute, and left the device deaf."""
    entry = {"watch": "{template: t.yaml}", "outputs": "{type: memory}", "profiles": "{}"}[section]
    rows = "".join(f"  e{number}: {entry}\n" for number in range(MOST[section] + 1))
    text = f"version: 1\nname: a\nsource: {{type: synthetic}}\n{section}:\n{rows}"
    words = f"x.yaml line 4: {section}: expected at most {MOST[section]} entries, found"
    with pytest.raises(ConfigError, match=words) as refused:
        loads(text, "x.yaml")
    assert len(refused.value.problems) == 1


def test_a_path_has_names_that_a_file_system_takes():
    """A longer one ended the process when it was first looked for."""
    with pytest.raises(ValidationError, match="at most 255 bytes"):
        registry.part("output", "jsonl").Options.model_validate({"path": "ü" * 128})


def test_a_login_fits_into_mqtts_field():
    """A longer one ended paho's thread with a traceback, and the output was dead."""
    options: type[Options] = registry.part("output", "mqtt").Options
    with pytest.raises(ValidationError, match="at most 65535 bytes"):
        options.model_validate({"host": "h", "user": "a", "password": "ü" * 32_768})


@pytest.mark.parametrize("value", ["9999-99-99", "!!timestamp x", "7" * 9000])
def test_a_text_that_can_not_be_edited_is_refused(value: str):
    """Such a push was never answered: one reader of YAML takes what the other does not."""
    with pytest.raises(ConfigError, match="can't be edited"):
        with_values(f"a: {value}\n", {"name": "lobby"})
