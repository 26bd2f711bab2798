"""How requests on any relational database are served with its derived tools: find the row by what was said, confirm,
act, report.

The steps read only what the user said (`Desk`) and what tools returned. A reference is resolved parents first: "the
track 'X' on the album 'Y'" searches the album, then the track with that album's id. When several rows fit, or none,
the user is asked for more; when they know no more, the request ends with the reason and nothing is written.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, NamedTuple, Protocol

from artificer.core.canon import Json
from artificer.core.tools import ToolSpec
from artificer.worlds.guide import Ask, Call, Confirm, Desk, Procedure, Step, Tell
from artificer.worlds.sqlite.names import article

Steps = Generator[Step, Any, Any]


class Lost(NamedTuple):
    """Why a row could not be found."""

    reason: str
    label: str


class Rules(Protocol):
    """What a world forbids besides what its database does; each method gives the sentence that says why, or None."""

    def op(self, op: str) -> str | None:
        """What can be said of a kind of request before anything is looked up."""
        ...

    def record(self, verb: str, table: str, row: Mapping[str, Json] | None, values: Mapping[str, Json]) -> str | None:
        """What can be said of a write when the row (None for a new one) and the new values are known."""
        ...


class Toolbox:
    """The derived tools by what they do. Built from the tool specifications alone, so an agent could build it too."""

    def __init__(self, tools: list[ToolSpec] | tuple[ToolSpec, ...]) -> None:
        self._by: dict[tuple[str, str], ToolSpec] = {}
        self._lists: dict[tuple[str, str], ToolSpec] = {}
        for tool in tools:
            table, op = tool.attributes.get("table"), tool.attributes.get("op")
            if op == "list":
                self._lists[str(table), str(tool.attributes["via"])] = tool
            elif table is not None and op is not None:
                self._by[str(table), str(op)] = tool

    def get(self, op: str, table: str) -> ToolSpec | None:
        return self._by.get((table, op))

    def one(self, op: str, table: str) -> ToolSpec:
        return self._by[table, op]

    def children(self, table: str, via: str) -> ToolSpec | None:
        """The tool that lists rows of `table` by their foreign key `via`."""
        return self._lists.get((table, via))

    def refers_to(self, tool: ToolSpec, parameter: str) -> str | None:
        """The table whose surrogate id `parameter` takes."""
        ref = tool.parameters["properties"].get(parameter, {}).get("x-ref")
        return ref.rsplit(".", 1)[0] if ref else None


def serve(tools: Toolbox, labels: Mapping[str, str], op: str, desk: Desk, rules: Rules | None = None) -> Procedure:
    """The procedure of an op: `update:TABLE:COLUMNS`, `create:TABLE`, `delete:TABLE`, `read:TABLE:COLUMN` or
    `read:TABLE:VIA.COLUMN`, `list:TABLE:VIA:COLUMN`, `count:TABLE:VIA`. What `rules` forbid is refused with the reason."""
    verb, table, *rest = op.split(":")
    why = rules.op(op) if rules is not None else None
    if why is not None:
        return _refused(why)
    served = _Served(tools, labels, desk, rules)
    if verb == "update":
        return served.update(table, rest[0].split(","))
    if verb == "create":
        return served.create(table)
    if verb == "delete":
        return served.delete(table)
    if verb == "read":
        return served.read(table, rest[0])
    return served.children(table, rest[0], rest[1] if verb == "list" else None)


def _refused(why: str) -> Procedure:
    yield Tell(f"I cannot do that: {why}. I have not changed anything.")


class _Served:
    def __init__(self, tools: Toolbox, labels: Mapping[str, str], desk: Desk, rules: Rules | None = None) -> None:
        self.rules = rules
        self.tools = tools
        self.labels = labels
        self.desk = desk
        self.seen: dict[tuple[str, str], dict[str, Json]] = {}
        self.referred: dict[str, str] = {}

    def label(self, name: str) -> str:
        return self.labels.get(name, name.replace("_", " "))

    def find(self, table: str, path: str) -> Steps:
        """The one row that fits what was said under `path`, or `Lost`."""
        label, search = self.label(table), self.tools.get("search", table)
        if search is None:
            return Lost("no_tool", label)
        yield from self.ask(path, label, 0)
        while True:
            said = self.desk.heard(path)
            if not said:
                return Lost("unclear", label)
            arguments = yield from self.resolve(search, path, said)
            if isinstance(arguments, Lost):
                return arguments
            known = self.seen.get((table, repr(arguments)))
            if known is not None:
                return known
            result = yield Call(search.name, arguments)
            if result.error is not None:
                return Lost("failed", label)
            if result.content["total"] == 1:
                self.seen[table, repr(arguments)] = result.content["rows"][0]
                return result.content["rows"][0]
            total = result.content["total"]
            yield Tell(f"I found no {label} like that." if total == 0 else f"There are {total} entries for {article(label)} like that.")
            yield from self.ask(path, label, len(said))
            if len(self.desk.heard(path)) == len(said):
                return Lost("missing" if total == 0 else "ambiguous", label)

    def ask(self, path: str, label: str, known: int) -> Steps:
        """Asks until more than `known` facts were said under `path`, or the user tells nothing new any more."""
        asked = False
        while len(self.desk.heard(path)) <= known and (not asked or self.desk.learned()):
            yield Ask(path, label)
            asked = True

    def resolve(self, tool: ToolSpec, path: str, said: Mapping[str, Json]) -> Steps:
        """Tool arguments from facts under `path`: values as said, references looked up; or `Lost`."""
        arguments: dict[str, Json] = {}
        start = len(path) + 1
        for full, value in said.items():
            name, _, deeper = full[start:].partition(".")
            if not deeper:
                arguments[name] = value
            elif name not in arguments:
                parent = self.tools.refers_to(tool, name)
                if parent is None:
                    return Lost("no_tool", self.label(name))
                row = yield from self.find(parent, f"{path}.{name}")
                if isinstance(row, Lost):
                    return row
                arguments[name] = row[self.key(parent)[0]]
                self.referred[name] = called(row) or "the one you described"
        return arguments

    def key(self, table: str) -> list[str]:
        """Names of the key parameters, from the tool that gets one row."""
        tool = self.tools.get("get", table)
        return list(tool.parameters.get("required", [])) if tool else []

    def lost(self, lost: Lost) -> Step:
        if lost.reason == "missing":
            return Tell(f"I could not find a {lost.label} that fits what you told me, so I have not changed anything.")
        if lost.reason == "ambiguous":
            return Tell(
                f"More than one {lost.label} fits that description, and without more detail I cannot tell which one you mean, "
                "so I have not changed anything."
            )
        return Tell(f"I cannot do that without knowing which {lost.label} you mean, so I have not changed anything.")

    def update(self, table: str, columns: list[str]) -> Procedure:
        tool, label = self.tools.get("update", table), self.label(table)
        row = yield from self.find(table, table)
        if isinstance(row, Lost) or tool is None:
            yield self.lost(row if isinstance(row, Lost) else Lost("no_tool", label))
            return
        changes = yield from self.values(tool, columns)
        if isinstance(changes, Lost):
            yield self.lost(changes)
            return
        why = self.forbidden("update", table, row, changes)
        if why is not None:
            yield from _refused(why)
            return
        arguments = {name: row[name] for name in self.key(table)} | changes
        what = self.listed(changes)
        if not (yield Confirm(f"I will change {self.named(table, row)}: {what}.")):
            yield Tell("All right, I have not changed anything.")
            return
        result = yield Call(tool.name, arguments, self.misnamed(tool, table, arguments))
        yield self.outcome(result, f"Done, {what}.")

    def create(self, table: str) -> Procedure:
        tool, label = self.tools.get("create", table), self.label(table)
        if tool is None:
            yield self.lost(Lost("no_tool", label))
            return
        values = yield from self.values(tool, list(tool.parameters.get("required", [])))
        if isinstance(values, Lost):
            yield self.lost(values)
            return
        why = self.forbidden("create", table, None, values)
        if why is not None:
            yield from _refused(why)
            return
        if not (yield Confirm(f"I will add a new {label} with {self.listed(values)}.")):
            yield Tell("All right, I have not changed anything.")
            return
        missing = {name: value for name, value in values.items() if name != next(iter(tool.parameters.get("required", [])), None)}
        result = yield Call(tool.name, values, missing if len(missing) < len(values) else None)
        yield self.outcome(result, f"Done, the new {label} has been added.")

    def delete(self, table: str) -> Procedure:
        tool, label = self.tools.get("delete", table), self.label(table)
        row = yield from self.find(table, table)
        if isinstance(row, Lost) or tool is None:
            yield self.lost(row if isinstance(row, Lost) else Lost("no_tool", label))
            return
        why = self.forbidden("delete", table, row, {})
        if why is not None:
            yield from _refused(why)
            return
        arguments = {name: row[name] for name in self.key(table)}
        if not (yield Confirm(f"I will delete {self.named(table, row)}.")):
            yield Tell("All right, I have not changed anything.")
            return
        result = yield Call(tool.name, arguments, self.misnamed(tool, table, arguments))
        if result.error is not None:
            yield Tell(f"That {label} cannot be deleted because other records still refer to it: {result.detail}")
            return
        yield Tell(f"Done, the {label} has been deleted.")

    def read(self, table: str, column: str) -> Procedure:
        """A value of the row (`column`), or of a row it refers to (`via.column`)."""
        row = yield from self.find(table, table)
        if isinstance(row, Lost):
            yield self.lost(row)
            return
        name = self.named(table, row)
        via, _, column = column.rpartition(".")
        search = self.tools.get("search", table)
        parent = self.tools.refers_to(search, via) if search and via else None
        if parent is not None:
            result = yield Call(self.tools.one("get", parent).name, {self.key(parent)[0]: row[via]})
            if result.error is not None:
                yield Tell(f"That cannot be looked up: {result.detail}")
                return
            row = result.content
            name = f"the {self.label(parent)} of {name}"
        yield Tell(f"The {self.label(column)} of {name} is {spoken(row[column])}.")

    def children(self, table: str, via: str, column: str | None) -> Procedure:
        """Rows of `table` that refer to one parent row: their number, or what they are called."""
        tool, label = self.tools.children(table, via), self.label(table)
        parent = self.tools.refers_to(tool, via) if tool else None
        if tool is None or parent is None:
            yield self.lost(Lost("no_tool", label))
            return
        row = yield from self.find(parent, parent)
        if isinstance(row, Lost):
            yield self.lost(row)
            return
        result = yield Call(tool.name, {via: row[self.key(parent)[0]]})
        if result.error is not None:
            yield Tell(f"That cannot be looked up: {result.detail}")
        elif column is None:
            yield Tell(f"The number of entries is {result.content['total']}.")
        else:
            yield Tell("They are: " + "; ".join(spoken(child[column]) for child in result.content["rows"]) + ".")

    def forbidden(self, verb: str, table: str, row: Mapping[str, Json] | None, values: Mapping[str, Json]) -> str | None:
        return self.rules.record(verb, table, row, values) if self.rules is not None else None

    def values(self, tool: ToolSpec, needed: list[str]) -> Steps:
        """What is to be written, from facts under `set`; asks for what is needed and was not said."""
        for name in needed:
            yield from self.ask(f"set.{name}", f"new {self.label(name)}", 0)
            if not self.desk.heard(f"set.{name}"):
                return Lost("unclear", f"new {self.label(name)}")
        return (yield from self.resolve(tool, "set", self.desk.heard("set")))

    def named(self, table: str, row: Mapping[str, Json]) -> str:
        name = called(row)
        return f"the {self.label(table)} {name}" if name else f"that {self.label(table)}"

    def listed(self, values: Mapping[str, Json]) -> str:
        """What is written, in words; rows referred to by their names."""
        return ", ".join(f"{self.label(name)} {self.referred.get(name) or spoken(value)}" for name, value in values.items())

    def misnamed(self, tool: ToolSpec, table: str, arguments: dict[str, Json]) -> dict[str, Json] | None:
        """The hasty mistake: what the user called the thing, where its numeric id belongs."""
        said = next((value for value in self.desk.heard(table).values() if isinstance(value, str)), None)
        key = next(iter(self.key(table)), None)
        if said is None or key is None or tool.parameters["properties"][key].get("type") != "integer":
            return None
        return {**arguments, key: said}

    def outcome(self, result: Any, done: str) -> Step:
        return Tell(done if result.error is None else f"That was refused, so nothing was changed: {result.detail}")


def called(row: Mapping[str, Json]) -> str | None:
    """What a row is called: its first text, quoted."""
    name = next((value for value in row.values() if isinstance(value, str) and value), None)
    return f'"{name}"' if name else None


def spoken(value: Json) -> str:
    """A value as it is said: text as it is, numbers as digits."""
    return value if isinstance(value, str) else "nothing" if value is None else repr(value)
