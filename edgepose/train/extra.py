"""Packages of the extra `train`, imported when needed, with one clear message when missing."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

from edgepose.errors import UserError

_Function = TypeVar("_Function", bound=Callable[..., Any])


class MissingExtra(UserError):
    """A package of the extra `train` is not installed."""


def need(module: str) -> Any:
    """Import and return a module of the extra; raise MissingExtra with the way out."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingExtra(
            f"training needs {package}, which is not installed: pip install 'edgepose[train]'"
        ) from error


def compiled(function: _Function) -> _Function:
    """Compile a numeric function with numba, cached on disk between runs.

    Without numba the function stays plain Python, correct but far too slow: callers that draw
    use `need("numba")` first. fastmath is off, so that a seed gives the same picture.
    """
    return _jit(function)


def inlined(function: _Function) -> _Function:
    """Compile as `compiled` does, into the caller: a tuple of arrays costs nothing to pass."""
    return _jit(function, inline="always")


def _jit(function: _Function, **options: str) -> _Function:
    try:
        numba: Any = importlib.import_module("numba")
    except ImportError:
        return function
    result: _Function = numba.njit(cache=True, nogil=True, error_model="numpy", **options)(function)
    return result
