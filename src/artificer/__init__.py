"""Artificer teaches language models to use tools, and proves that they do."""

from typing import TYPE_CHECKING

from artificer.core.errors import ArtificerError
from artificer.worlds.base import World

if TYPE_CHECKING:
    from artificer.worlds.python import tool as tool

__version__ = "0.1.0"
__all__ = ["ArtificerError", "World", "__version__", "tool"]


def __getattr__(name: str) -> object:
    """`artificer.tool`, loaded only when somebody declares Python tools."""
    if name == "tool":
        from artificer.worlds.python import tool

        return tool
    raise AttributeError(f"module 'artificer' has no attribute {name!r}")
