"""The player without a model: tools answered from their schemas and a consistent store.

What was created is found, listed, changed and deleted; what was deleted is not found; reads change nothing; the same
question has the same answer. A function of the world's seed, the session's seed and the calls.
"""

from __future__ import annotations

from typing import cast

from msgspec import Struct

from artificer.core.canon import Json, rng
from artificer.core.verdicts import ErrorKind
from artificer.models.prompt import rows_of
from artificer.worlds.emulated.places import is_query, plain
from artificer.worlds.emulated.plans import Plan, Plans
from artificer.worlds.emulated.resources import Resource
from artificer.worlds.emulated.results import Page, Results
from artificer.worlds.emulated.rows import Gone, RowMaker, key_text
from artificer.worlds.emulated.spec import Change, Outcome, Row, State, refused
from artificer.worlds.emulated.verbs import participle
from artificer.worlds.schema_shape import kinds_of
from artificer.worlds.schema_texts import words_of
from artificer.worlds.schema_values import NoSample

_PAGES = frozenset({"limit", "page", "pagesize", "perpage", "offset", "maxresults", "size", "top", "k", "n", "count"})
_SORTS = frozenset({"sort", "sortby", "orderby", "order", "cursor", "pagetoken", "fields", "include", "expand", "language", "locale"})
_MOST = 200


class Situation(Struct, frozen=True):
    """The state a call meets."""

    state: State
    gone: Gone
    seed: int
    """Of the session."""


class Offline:
    """Plays tools by their plans."""

    def __init__(self, plans: Plans, rows: RowMaker, results: Results, seed: int) -> None:
        self._plans = plans
        self._rows = rows
        self._results = results
        self._seed = seed

    def play(self, plan: Plan, arguments: Row, met: Situation) -> Outcome:
        """What a call with valid arguments, whose references exist, comes to."""
        try:
            return self._played(plan, arguments, met)
        except NoSample as error:
            return refused(ErrorKind.bad_output, f"{plan.tool} has no answer that fits its specification: {error}")

    def _played(self, plan: Plan, arguments: Row, met: Situation) -> Outcome:
        if plan.table is None or plan.op == "answer":
            return Outcome(self._answered(plan, arguments, met))
        resource = self._plans.resources[plan.table]
        if plan.op == "list":
            return self._listed(plan, resource, arguments, met)
        if plan.op == "create":
            return self._created(plan, resource, arguments, met)
        if plan.op == "delete" and plan.key is None:
            cleared = tuple(Change(resource.table, key, None) for key in met.state.get(resource.table, {}))
            return Outcome(self._results.answer(plan, arguments, []), changes=cleared)
        key = "" if resource.single else key_text(arguments.get(plan.key or ""))
        row = met.state.get(plan.table, {}).get(key)
        if row is None:
            return refused(ErrorKind.not_found, f"there is no {resource.noun.replace('_', ' ')} {key!r}")
        if plan.op == "get":
            return Outcome(self._one(plan, row, arguments, met))
        if plan.op == "delete":
            return Outcome(self._results.answer(plan, arguments, [row]), changes=(Change(plan.table, key, None),))
        if plan.op == "act":
            return self._acted(plan, resource, key, row, arguments, met)
        changed = row | self._values(resource, {name: value for name, value in arguments.items() if name != plan.key})
        changes = (Change(plan.table, key, changed),) if changed != row else ()
        return Outcome(self._one(plan, changed, arguments, met), changes=changes)

    def _one(self, plan: Plan, row: Row, arguments: Row, met: Situation) -> Json:
        """A row as the tool's result, or where it shows none, an answer that agrees with it."""
        if plan.place is not None and not plan.place.many and (plan.op == "get" or self._shows(plan)):
            return self._results.rows(plan, [row])
        return self._results.answer(plan, arguments, [*self._referred(plan, arguments, met), row])

    def _shows(self, plan: Plan) -> bool:
        """Whether the result of a write is about the row: it bears its id, or several of its columns."""
        assert plan.place is not None
        assert plan.table is not None
        resource = self._plans.resources[plan.table]
        fields = set(plan.place.item.get("properties") or ())
        shared = fields & set(resource.columns)
        return bool({resource.id, "id", f"{resource.noun}_id"} & fields) or len(shared) > 1

    def _answered(self, plan: Plan, arguments: Row, met: Situation) -> Json:
        return self._results.answer(plan, arguments, self._referred(plan, arguments, met))

    def _referred(self, plan: Plan, arguments: Row, met: Situation) -> list[Row]:
        """The rows that single references among the arguments name."""
        named = [(table, arguments[name]) for name, table in plan.refs.items() if name in arguments and not isinstance(arguments[name], (list, dict))]
        found = [met.state.get(table, {}).get(key_text(value)) for table, value in named]
        return [row for row in found if row is not None]

    def _values(self, resource: Resource, arguments: Row) -> Row:
        """Arguments as columns: by their name, or `new_name` for name; an object of columns is taken apart."""
        columns = {plain(name): name for name in resource.columns}
        values: Row = {}
        for name, value in arguments.items():
            words = words_of(name)
            bare = plain(name) if plain(name) in columns or words[:1] != ["new"] else plain("".join(words[1:]))
            inner = cast("Row", value) if isinstance(value, dict) else {}
            if inner and bare not in columns and any(plain(part) in columns for part in inner):
                values |= self._values(resource, inner)
            else:
                values[columns.get(bare, name)] = value
        return values

    # writes

    def _created(self, plan: Plan, resource: Resource, arguments: Row, met: Situation) -> Outcome:
        table = met.state.get(resource.table, {})
        values = self._values(resource, {name: value for name, value in arguments.items() if name != plan.key})
        chosen = arguments.get(plan.key) if plan.key is not None else None
        if chosen is not None:
            if key_text(chosen) in table:
                return refused(ErrorKind.constraint, f"there already is a {resource.noun.replace('_', ' ')} {key_text(chosen)!r}")
            values[resource.id] = chosen
        random = rng("create", self._seed, met.seed, plan.tool, arguments)
        row = self._rows.fresh(resource, values, random, met.state, table, met.gone)
        key = key_text(row[resource.id])
        change = Change(resource.table, key, row, generated=resource.id not in values)
        return Outcome(self._one(plan, row, arguments, met), changes=(change,))

    def _acted(self, plan: Plan, resource: Resource, key: str, row: Row, arguments: Row, met: Situation) -> Outcome:
        """Cancels, ships, archives, ...: the row's status or flag that is named so, and arguments that are columns. Where
        the row has neither, what was done is logged.
        """
        assert plan.table is not None
        given = self._values(resource, {name: value for name, value in arguments.items() if name != plan.key})
        changed = row | {name: value for name, value in given.items() if name in resource.columns} | self._status(resource, plan.verb, row)
        if changed != row:
            return Outcome(self._one(plan, changed, arguments, met), changes=(Change(plan.table, key, changed),))
        if any(name in resource.columns for name in given) or self._moved(resource, plan.verb):
            return Outcome(self._one(plan, row, arguments, met))
        log = f"{plan.verb or 'act'}_{resource.noun}"
        number = len(met.state.get(log, {})) + 1
        entry = Change(log, str(number), {"id": number, **arguments}, generated=True)
        return Outcome(self._one(plan, row, arguments, met), changes=(entry,))

    def _status(self, resource: Resource, verb: str, row: Row) -> Row:
        """The columns that say what a verb did."""
        found: Row = {}
        for name, value in self._moved(resource, verb).items():
            if name in row:
                found[name] = value
        return found

    def _moved(self, resource: Resource, verb: str) -> Row:
        done = participle(verb) if verb else ""
        found: Row = {}
        for name, schema in resource.columns.items():
            options = rows_of(schema.get("enum")) or []
            told = next((option for option in options if isinstance(option, str) and verb and _same_stem(option, done)), None)
            if told is not None:
                found[name] = told
            elif kinds_of(schema) == {"boolean"} and verb and _same_stem(words_of(name)[-1] if words_of(name) else "", done.removeprefix("un")):
                found[name] = not done.startswith("un")
            elif not options and verb and plain(name) in ("status", "state") and kinds_of(schema) == {"string"}:
                found[name] = done
        return found

    # lists

    def _listed(self, plan: Plan, resource: Resource, arguments: Row, met: Situation) -> Outcome:
        if plan.place is None or not plan.place.many:
            return Outcome(self._answered(plan, arguments, met))
        rows = [row for row in met.state.get(resource.table, {}).values() if _matches(row, arguments)]
        size = _whole(arguments, ("limit", "pagesize", "perpage", "maxresults", "top", "k", "n", "count", "size"), _MOST)
        number = _whole(arguments, ("page",), 1)
        first = _whole(arguments, ("offset",), (max(number, 1) - 1) * size)
        shown = rows[max(first, 0) :][: max(min(size, _MOST), 0)]
        return Outcome(self._results.rows(plan, shown, Page(len(rows), max(number, 1), first + len(shown) < len(rows))))


def _matches(row: Row, arguments: Row) -> bool:
    """Whether a row is what a list was asked for. Arguments that name no column do not choose."""
    columns = {plain(name): name for name in row}
    for name, wanted in arguments.items():
        word = plain(name)
        if wanted is None or (word not in columns and (word in _PAGES or word in _SORTS)):
            continue
        if word in columns:
            if not _alike(row[columns[word]], wanted):
                return False
        elif is_query(name):
            if not _mentions(row, str(wanted)):
                return False
        elif not _bounded(row, columns, name, wanted):
            return False
    return True


def _alike(held: Json, wanted: Json) -> bool:
    if isinstance(wanted, list):
        return any(_alike(held, one) for one in cast("list[Json]", wanted))
    if isinstance(held, list):
        return any(_alike(one, wanted) for one in cast("list[Json]", held))
    if isinstance(held, str) and isinstance(wanted, str):
        return held.casefold() == wanted.casefold() or (len(wanted) > 2 and wanted.casefold() in held.casefold())
    return key_text(held) == key_text(wanted) if not isinstance(held, bool) else held is wanted


def _mentions(value: Json, text: str) -> bool:
    """Whether every word of a text stands somewhere in a row."""
    held = " ".join(_texts(value)).casefold()
    return all(word in held for word in text.casefold().split())


def _texts(value: Json) -> list[str]:
    if isinstance(value, dict):
        return [text for part in cast("Row", value).values() for text in _texts(part)]
    if isinstance(value, list):
        return [text for part in cast("list[Json]", value) for text in _texts(part)]
    return [] if value is None else [str(value)]


def _bounded(row: Row, columns: dict[str, str], name: str, wanted: Json) -> bool:
    """`min_price`, `price_max`, `date_from`, `created_after`: a bound on a column; any other argument bounds nothing."""
    words = words_of(name)
    low = {"min", "minimum", "from", "after", "since", "start", "least"} & {words[0], words[-1]} if words else set[str]()
    high = {"max", "maximum", "to", "before", "until", "end", "most"} & {words[0], words[-1]} if words else set[str]()
    rest = plain("".join(word for word in words if word not in low | high))
    column = columns.get(rest) or next((columns[one] for one in columns if low | high and rest and one.startswith(rest)), None)
    if column is None or not low | high:
        return True
    held = row[column]
    if isinstance(held, str) and isinstance(wanted, str):
        return held >= wanted if low else held <= wanted
    if isinstance(held, bool) or isinstance(wanted, bool) or not isinstance(held, (int, float)) or not isinstance(wanted, (int, float)):
        return True
    return held >= wanted if low else held <= wanted


def _whole(arguments: Row, names: tuple[str, ...], otherwise: int) -> int:
    value = next((value for name, value in arguments.items() if plain(name) in names), otherwise)
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


def _same_stem(option: str, done: str) -> bool:
    """`canceled` and `cancelled`, `complete` and `completed`."""
    one, other = plain(option), plain(done)
    shared = 0
    while shared < min(len(one), len(other)) and one[shared] == other[shared]:
        shared += 1
    return (shared >= 4 and shared >= min(len(one), len(other)) - 3) or (one == other and bool(one))
