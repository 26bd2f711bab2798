"""Recipes: published systems as compositions of library parts. One file a system; found by listing these folders,
outsiders by entry points."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from artificer.core.errors import ArtificerError
from artificer.run.stage import Stage

Need = Literal["none", "model", "gpu"]


class Anchor(Struct, frozen=True):
    """A figure the paper reports, and which command of ours it is compared with."""

    name: str
    paper: str
    ours: str


class Recipe(Struct, frozen=True):
    """A published system as a list of stages.

    Args:
        name: what people type.
        paper: arXiv number.
        title: what it is, in a line.
        knobs: a frozen Struct; its fields are the command line's flags and the run's manifest.
        stages: composes the stages for given knobs; where the world brings no guide of its own, it is also given the
            maker of a discovered one.
        source: the input rows for given knobs: keys and items.
        needs: the least it runs with.
        fidelity: what is reproduced, and what differs.
    """

    name: str
    paper: str
    title: str
    knobs: type[Struct]
    stages: Callable[..., list[Stage]]
    source: Callable[[Any], Any]
    needs: Need = "none"
    fidelity: str = ""
    anchors: tuple[Anchor, ...] = ()


class Broken(Struct, frozen=True):
    """A recipe from outside that does not load."""

    name: str
    error: str


def recipes() -> Mapping[str, Recipe | Broken]:
    """All recipes by name; a broken outsider is listed as broken and harms nobody."""
    found: dict[str, Recipe | Broken] = {}
    for path in sorted(Path(__file__).parent.glob("*/*.py")):
        if path.name != "__init__.py":
            recipe = importlib.import_module(f"artificer.recipes.{path.parent.name}.{path.stem}").recipe
            found[recipe.name] = recipe
    for point in entry_points(group="artificer.recipes"):
        try:
            found.setdefault(point.name, point.load())
        except Exception as error:  # an outsider's code: whatever it raises is its own fault
            found.setdefault(point.name, Broken(point.name, f"{type(error).__name__}: {error}"))
    return found


def recipe_named(name: str) -> Recipe:
    """The recipe called `name`.

    Raises:
        ArtificerError: there is none, or it does not load.
    """
    found = recipes()
    recipe = found.get(name)
    if recipe is None:
        raise ArtificerError(f"no recipe is called {name!r}", remedy=f"choose one of: {', '.join(sorted(found))}")
    if isinstance(recipe, Broken):
        raise ArtificerError(f"the recipe {name!r} does not load: {recipe.error}", remedy="mend or uninstall the package it comes from")
    return recipe


def knobs_of(recipe: Recipe, values: dict[str, Any]) -> Any:
    """A recipe's knobs from plain values.

    Raises:
        ArtificerError: a name or a value does not fit.
    """
    known = [field.name for field in msgspec.structs.fields(recipe.knobs)]
    for name in values:
        if name not in known:
            raise ArtificerError(f"the recipe {recipe.name!r} has no knob {name!r}", remedy=f"use one of: {', '.join(known)}")
    try:
        return msgspec.convert(values, recipe.knobs)
    except msgspec.ValidationError as error:
        raise ArtificerError(
            f"a knob of {recipe.name!r} does not fit: {error}", remedy=f"see `artificer recipes {recipe.name}` for what it takes"
        ) from error
