"""The extra's packages: imported when there, named with the way out when not."""

from __future__ import annotations

import pytest

from edgepose.train.extra import MissingExtra, need


def test_a_missing_package_is_named_with_the_way_out() -> None:
    """The message says what to install."""
    with pytest.raises(MissingExtra, match=r"nosuchthing.*pip install 'edgepose\[train\]'"):
        need("nosuchthing.part")


def test_what_is_there_is_imported() -> None:
    """A module that exists comes back itself."""
    assert need("json.decoder").JSONDecoder
