"""`artificer recipes`: the published systems there are, or one of them in full."""

from __future__ import annotations

from artificer.cli.knobs import field_helps
from artificer.cli.show import say, table
from artificer.recipes import Broken, Recipe, recipe_named
from artificer.recipes import recipes as found_recipes


def command(name: str | None = None, /) -> int:
    """List the recipes, or show one with its knobs, fidelity and anchor figures.

    Example: `artificer recipes cove`

    Parameters
    ----------
    name
        A recipe.
    """
    if name is not None:
        _one(recipe_named(name))
        return 0
    rows = [
        (key, "-", "broken", recipe.error) if isinstance(recipe, Broken) else (key, recipe.paper, recipe.needs, recipe.title)
        for key, recipe in found_recipes().items()
    ]
    say(table(rows, ("recipe", "paper", "needs", "what it is")))
    return 0


def _one(recipe: Recipe) -> None:
    import msgspec

    say(f"{recipe.name}: {recipe.title}\n\n  paper     arXiv {recipe.paper}\n  needs     {recipe.needs}\n  fidelity  {recipe.fidelity}\n\nknobs")
    helps = field_helps(recipe.knobs)
    defaults = msgspec.to_builtins(recipe.knobs())
    say(table([(name, msgspec.json.encode(value).decode(), helps.get(name, "")) for name, value in defaults.items()]))
    say("\nanchors")
    for anchor in recipe.anchors:
        say(f"  {anchor.name}\n    paper: {anchor.paper}\n    ours:  {anchor.ours}")
    say(f"\nartificer synth {recipe.name} --help")
