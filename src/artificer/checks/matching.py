"""Which effects of a goal were found, whatever path led to them.

Effects are compared as multisets, by value. A key that the world chose for an inserted row may differ between equally
good paths, so such keys are compared up to renaming: the row is known by its content, and a value elsewhere that
points at it is replaced by the row it points at. Rows that refer to each other are labelled by refinement (content,
then the content of what they refer to, then of what refers to them), which is exact for rows that form trees, as
parent and child rows do.

A column points at a generated row when its name says so (`invoice_id`, `InvoiceId`, or an `x-ref` on a tool's
property of that name) and its value is such a key. Where names say nothing, equal values are first read literally and
then, if that fails, as pointers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, cast

from msgspec import Struct

from artificer.checks.values import freeze
from artificer.core.canon import Json
from artificer.core.tasks import Effect
from artificer.core.tools import ToolSpec

Label = Hashable


class Match(Struct, frozen=True):
    """How a goal's effects (`wanted`) lie against an episode's (`found`).

    Args:
        missing: wanted effects that were not found.
        extra: found effects that were not wanted.
        matched: found effects that were.
        tied: whether matched rows also refer to each other as wanted; False only when nothing is missing or extra.
    """

    missing: tuple[Effect, ...]
    extra: tuple[Effect, ...]
    matched: tuple[Effect, ...]
    tied: bool = True


def match(wanted: Sequence[Effect], found: Sequence[Effect], tools: Sequence[ToolSpec] = ()) -> Match:
    """Compares two sets of effects; see the module docstring. `tools` are read for `x-ref` annotations only."""
    literal = _split(wanted, found, [_literal(effect) for effect in wanted], [_literal(effect) for effect in found])
    if not literal.missing and not literal.extra:  # even the generated keys are the same
        return literal
    if not any(effect.generated for effect in wanted) and not any(effect.generated for effect in found):
        return literal
    keys = _KeyColumns((*wanted, *found), tools)
    best: Match | None = None
    for loose in (False, True):
        names: dict[Label, int] = {}
        left, right = _Side(wanted, keys, loose, names), _Side(found, keys, loose, names)
        outcome = _split(wanted, found, left.down(), right.down())
        if not outcome.missing and not outcome.extra:
            if Counter(left.full()) == Counter(right.full()):
                return outcome
            outcome = Match((), (), outcome.matched, tied=False)
        if best is None or len(outcome.missing) + len(outcome.extra) < len(best.missing) + len(best.extra):
            best = outcome
    assert best is not None
    return best


def _literal(effect: Effect) -> Label:
    columns = effect.columns
    return (
        effect.table,
        effect.change,
        tuple([freeze(part) for part in effect.key]),
        tuple([(name, freeze(columns[name][0]), freeze(columns[name][1])) for name in sorted(columns)]),
    )


def _split(wanted: Sequence[Effect], found: Sequence[Effect], left: Sequence[Label], right: Sequence[Label]) -> Match:
    remaining = Counter(left)
    matched: list[Effect] = []
    extra: list[Effect] = []
    for effect, label in zip(found, right, strict=True):
        if remaining[label] > 0:
            remaining[label] -= 1
            matched.append(effect)
        else:
            extra.append(effect)
    missing: list[Effect] = []
    for effect, label in zip(wanted, left, strict=True):
        if remaining[label] > 0:
            remaining[label] -= 1
            missing.append(effect)
    return Match(tuple(missing), tuple(extra), tuple(matched))


class _KeyColumns:
    """Names: which columns hold a table's generated key, and which columns elsewhere are named after it."""

    def __init__(self, effects: Iterable[Effect], tools: Sequence[ToolSpec]) -> None:
        self._named = _annotated(tools)
        self.of: dict[str, dict[int, set[str]]] = {}
        for effect in effects:
            if effect.generated and effect.change == "insert":
                places = self.of.setdefault(effect.table, {})
                for index, part in enumerate(effect.key):
                    holds = {name for name, (_, new) in effect.columns.items() if freeze(new) == freeze(part)}
                    places[index] = places[index] & holds if index in places else holds
        for table, places in self.of.items():
            for index, names in places.items():
                told = {name for name in names if self._named.get(_plain(name)) == _plain(table)}
                places[index] = told or names

    def holds_key(self, table: str, column: str, index: int) -> bool:
        return column in self.of.get(table, {}).get(index, ())

    def refers(self, column: str, table: str) -> bool:
        """Whether a column's name says that it points at `table`."""
        name, target = _plain(column), _plain(table)
        if self._named.get(name) == target:
            return True
        stems = {target, target.removesuffix("s"), target.removesuffix("es")}
        for names in self.of.get(table, {}).values():
            for key in map(_plain, names):
                if any(name.endswith(stem + key) or name == stem for stem in stems):
                    return True
                if len(key) > 3 and name.endswith(key):
                    return True
        return False


def _annotated(tools: Sequence[ToolSpec]) -> dict[str, str]:
    """Property name to the table its `x-ref` names, for the top level of arguments and results."""
    named: dict[str, str] = {}
    for tool in tools:
        for schema in (tool.parameters, tool.returns or {}):
            for part in (schema, schema.get("items")):
                properties: Any = cast("Any", part).get("properties") if isinstance(part, dict) else None
                for name, child in cast("Any", properties).items() if isinstance(properties, dict) else ():
                    ref: Any = cast("Any", child).get("x-ref") if isinstance(child, dict) else None
                    if isinstance(ref, str):
                        named[_plain(str(name))] = _plain(ref.rpartition(".")[0])
    return named


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


class _Side:
    """The labels of one set of effects. `names` numbers labels, for both sides alike, so that they stay small."""

    def __init__(self, effects: Sequence[Effect], keys: _KeyColumns, loose: bool, names: dict[Label, int]) -> None:
        self._names = names
        self._effects = effects
        self._keys = keys
        self._loose = loose
        self._rows = {
            (effect.table, freeze(part)): at
            for at, effect in enumerate(effects)
            if effect.generated and effect.change == "insert"
            for part in effect.key
        }
        self._cells = [self._read(effect) for effect in effects]

    def _read(self, effect: Effect) -> tuple[Label, tuple[tuple[str, int], ...]]:
        """An effect's own content with generated keys left out, and the generated rows it points at, by the place
        that points.
        """
        fixed: list[Label] = [effect.table, effect.change, effect.generated]
        points: list[tuple[str, int]] = []
        own = effect.generated and effect.change == "insert"
        if not own:
            for index, part in enumerate(effect.key):
                named = [name for name, (_, new) in effect.columns.items() if freeze(new) == freeze(part)]
                at = next((at for at in (self._target(name, part) for name in sorted(named)) if at is not None), None)
                if at is None:
                    fixed.append((index, freeze(part)))
                else:
                    points.append((f"key {index}", at))
        for name in sorted(effect.columns):
            old, new = effect.columns[name]
            if own and any(self._keys.holds_key(effect.table, name, index) for index in range(len(effect.key))):
                continue
            at = self._target(name, new)
            if at is None:
                fixed.append((name, freeze(old), freeze(new)))
            else:
                fixed.append((name, freeze(old)))
                points.append((name, at))
        return tuple(fixed), tuple(points)

    def _target(self, column: str, value: Json) -> int | None:
        """The generated row that a value points at, if it does."""
        if value is None or isinstance(value, bool) or not self._rows:
            return None
        frozen = freeze(value)
        for (table, part), at in self._rows.items():
            if part == frozen and (self._loose or isinstance(value, str) or self._keys.refers(column, table)):
                return at
        return None

    def down(self) -> list[Label]:
        """Labels of effects by their content and the content of what they point at, to any depth."""
        labels = self._renumber(fixed for fixed, _ in self._cells)
        for _ in range(min(len(labels), 8)):
            labels = self._renumber((fixed, tuple([(name, labels[at]) for name, at in points])) for fixed, points in self._cells)
        return labels

    def full(self) -> list[Label]:
        """As `down`, and by what points at them."""
        labels = self.down()
        for _ in range(min(len(labels), 8)):
            pointing: list[list[Label]] = [[] for _ in labels]
            for label, (_, points) in zip(labels, self._cells, strict=True):
                for name, at in points:
                    pointing[at].append((name, label))
            labels = self._renumber(
                (label, tuple([(name, labels[at]) for name, at in points]), frozenset(Counter(into).items()))
                for label, (_, points), into in zip(labels, self._cells, pointing, strict=True)
            )
        return labels

    def _renumber(self, labels: Iterable[Label]) -> list[Label]:
        return [self._names.setdefault(label, len(self._names)) for label in labels]
