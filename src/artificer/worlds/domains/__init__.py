"""The worlds we ship: one folder each, found by listing this one.

A domain is a package in this folder with `open_domain(name, **options)`, which returns a `World`.
"""

from __future__ import annotations

import importlib
import pkgutil

from artificer.core.errors import SourceError
from artificer.worlds.base import World


def known() -> list[str]:
    """Names of the domains there are, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def open_world(rest: str, **options: str) -> World:
    """The domain called `rest`; `options` are the domain's own.

    Raises:
        SourceError: there is no such domain, or it does not take an option's value.
    """
    if rest not in known():
        raise SourceError(f"there is no domain {rest!r}.", where=f"domain:{rest}", remedy=f"use one of {', '.join(known())}")
    module = importlib.import_module(f"{__name__}.{rest}")
    return module.open_domain(f"domain:{rest}", **options)
