"""Many tools: finding the few that a request needs among thousands (`catalogue`, `bm25`, `embeddings`), which of them may be used (`filters`), how
much is told of them (`docs`), and names that deceive (`names`). See `docs/worlds-many-tools.md`.
"""

from artificer.worlds.catalogue.catalogue import Catalogue, Found, Mode
from artificer.worlds.catalogue.docs import Level, documented
from artificer.worlds.catalogue.filters import Filter, Where
from artificer.worlds.catalogue.routing import Router, route

__all__ = ["Catalogue", "Filter", "Found", "Level", "Mode", "Router", "Where", "documented", "route"]
