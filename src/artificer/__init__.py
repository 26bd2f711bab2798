"""Artificer teaches language models to use tools, and proves that they do."""

from artificer.core.errors import ArtificerError
from artificer.worlds.base import World

__version__ = "0.1.0"
__all__ = ["ArtificerError", "World", "__version__"]
