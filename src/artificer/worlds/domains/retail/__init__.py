"""`domain:retail`: an online shop with a written policy. See `docs/domain-retail.md`."""

from __future__ import annotations

from importlib.resources import files

from artificer.core.errors import SourceError
from artificer.worlds.domains.retail.data import CLOCK, DEFAULT_SEED, build
from artificer.worlds.domains.retail.guide import RetailGuide
from artificer.worlds.domains.retail.tools import TOOLS
from artificer.worlds.sqlite.world import SqlWorld


def open_domain(name: str, *, seed: str | int = DEFAULT_SEED) -> SqlWorld:
    """The shop.

    Args:
        name: the world's source string.
        seed: of the data; another seed is another shop with the same tools and rules.

    Raises:
        SourceError: `seed` is not a whole number.
    """
    try:
        number = int(seed)
    except ValueError as error:
        raise SourceError(f"the seed {seed!r} is not a whole number.", where=name, remedy="write a seed such as 7") from error
    policy = files(__package__ or "").joinpath("policy.md").read_text(encoding="utf-8")
    return SqlWorld(name, build(number), TOOLS, policy, CLOCK, RetailGuide())
