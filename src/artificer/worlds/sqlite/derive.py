"""Which tools a backend team would write for a schema: search, get, follow foreign keys both ways, create, update,
delete.

Parameters bear the columns' own names. Every table gets what its keys and kind allow; what is left out is said in
`problems`.
"""

from __future__ import annotations

from collections.abc import Sequence

from artificer.core.canon import Json
from artificer.core.tools import EffectKind, ToolSpec
from artificer.worlds.base import Problem
from artificer.worlds.sqlite import queries
from artificer.worlds.sqlite.columns import marks, object_schema, parameter, row_schema
from artificer.worlds.sqlite.names import humanised, plural, singular, snake, unique_name
from artificer.worlds.sqlite.queries import DEFAULT_ROWS, MOST_ROWS, Filter, Through
from artificer.worlds.sqlite.schema import Column, ForeignKey, Schema, Table
from artificer.worlds.sqlite.session import Run, SqlTool
from artificer.worlds.sqlite.world import layout_of


def derive(schema: Schema) -> tuple[list[SqlTool], list[Problem]]:
    """The tools of a schema in table order, and what no tool can do."""
    made = _Derived(schema)
    for table in schema.tables.values():
        made.table(table)
    return made.tools, made.problems


def labels(schema: Schema) -> dict[str, str]:
    """What people call tables (in the singular) and columns."""
    columns = {name: humanised(name) for table in schema.tables.values() for name in table.columns}
    return columns | {name: humanised(singular(snake(name))) for name in schema.tables}


def junction(table: Table) -> tuple[ForeignKey, ForeignKey] | None:
    """The two foreign keys of a table that only links two others: its key is made of them."""
    for one in table.foreign:
        for other in table.foreign:
            if one is not other and one.columns + other.columns == table.key:
                return one, other
    return None


class _Derived:
    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.tools: list[SqlTool] = []
        self.problems: list[Problem] = []
        self.taken: set[str] = set()
        self.ones: dict[str, str] = {}
        for name in sorted(schema.tables):
            self.ones[name] = unique_name(singular(snake(name)), self.ones.values())

    def table(self, table: Table) -> None:
        self.search(table)
        if table.view:
            return
        writable = layout_of(table) is not None
        if not writable:
            self.problems.append(Problem(f"table {table.name}", "has no key and its column _rowid_ hides SQLite's own; it can only be searched"))
        elif not table.key:
            self.problems.append(
                Problem(f"table {table.name}", "has no key; its rows can be searched and added, but not changed or deleted one by one")
            )
        if table.key:
            self.get(table)
        for foreign in table.foreign:
            self.follow(table, foreign)
        if writable:
            self.create(table)
        if table.key and writable:
            self.update(table)
            self.delete(table)

    def add(self, name: str, table: Table, op: str, run: Run, text: str, parameters: dict[str, Json], returns: dict[str, Json], **more: Json) -> None:
        name = unique_name(name, self.taken)
        self.taken.add(name)
        effect: EffectKind = "write" if op in {"create", "update", "delete"} else "read"
        spec = ToolSpec(name, " ".join(text.split()), parameters, returns, effect, {"table": table.name, "op": op, **more})
        self.tools.append(SqlTool(spec, run))

    def search(self, table: Table) -> None:
        filters = search_filters(table)
        properties: dict[str, Json] = {}
        for name, item in filters.items():
            column = table.columns[item.column]
            plain = item.compare == "is"
            properties[name] = (
                _loose(parameter(self.schema, table, column, not column.not_null)) if plain else _bound(self.schema, table, column, item)
            )
        limit = unique_name("limit", properties)
        properties[limit] = _limit()
        many = self.many(table)
        kind = "the view" if table.view else ""
        text = f"Search {kind} {many.replace('_', ' ')}. {_sentence(table.comment)}"
        text += " Filters are optional and must all hold; text is compared without regard to case."
        text += f" Returns at most {limit} rows, and the total."
        self.add(f"search_{many}", table, "search", queries.search(table, filters, limit), text, object_schema(properties), self.page(table))

    def get(self, table: Table) -> None:
        one = self.ones[table.name]
        text = f"Get one {one.replace('_', ' ')} by its key ({', '.join(table.key)}). {_sentence(table.comment)}"
        self.add(f"get_{one}", table, "get", queries.get(table), text, self.key(table), row_schema(self.schema, table))

    def follow(self, table: Table, foreign: ForeignKey) -> None:
        """Children of a parent, the parent of a child, and, across a junction, what is linked."""
        parent = self.schema.tables[foreign.table]
        own, other = self.ones[table.name], self.ones[parent.name]
        role = _role(foreign, other)
        plain = role == other
        properties: dict[str, Json] = {name: parameter(self.schema, table, table.columns[name], False) for name in foreign.columns}
        limit = unique_name("limit", properties)
        via = ",".join(foreign.columns)
        many = self.many(table)
        name = f"list_{many}_of_{other}" if plain else f"list_{many}_by_{role}"
        text = (
            f"List the {many.replace('_', ' ')} whose {', '.join(foreign.columns)} is one {other.replace('_', ' ')}, in key order, with their total."
        )
        run = queries.children(table, foreign.columns, parent, foreign.target, foreign.columns, limit)
        self.add(
            name,
            table,
            "list",
            run,
            text,
            object_schema(properties | {limit: _limit()}, foreign.columns),
            self.page(table),
            via=via,
            parent=parent.name,
        )
        if table.key:
            verb = role.endswith(("_to", "_by", "_from", "_at"))  # "reports_to": the employee that an employee reports to
            name = f"get_{other}_of_{own}" if plain else f"get_{other}_that_{own}_{role}" if verb else f"get_{role}_of_{own}"
            text = f"Get the {other.replace('_', ' ')} to which one {own.replace('_', ' ')} refers by {via}; null when there is none."
            run = queries.parent_of(table, foreign.columns, parent, foreign.target)
            shown = row_schema(self.schema, parent) | {"type": ["object", "null"]}
            self.add(name, table, "parent", run, text, self.key(table), shown, via=via, parent=parent.name)
        pair = junction(table)
        if pair is not None and foreign in pair:
            self.across(table, foreign, pair[1] if foreign is pair[0] else pair[0], properties)

    def across(self, table: Table, near: ForeignKey, far: ForeignKey, properties: dict[str, Json]) -> None:
        """What a junction links to one parent, e.g. the tracks of a playlist."""
        parent, wanted = self.schema.tables[near.table], self.schema.tables[far.table]
        limit = unique_name("limit", properties)
        many, other = self.many(wanted), self.ones[parent.name]
        role = _role(near, other)
        name = f"list_{many}_of_{other}" if role == other else f"list_{many}_by_{role}"
        text = f"List the {many.replace('_', ' ')} linked to one {other.replace('_', ' ')} through {table.name}, in key order, with their total."
        run = queries.children(wanted, near.columns, parent, near.target, near.columns, limit, Through(table.name, far.columns, far.target))
        parameters = object_schema(properties | {limit: _limit()}, near.columns)
        self.add(
            name, wanted, "related", run, text, parameters, self.page(wanted), through=table.name, via=",".join(near.columns), parent=parent.name
        )

    def create(self, table: Table) -> None:
        skipped = set(table.key) if table.rowid_key else set[str]()
        columns = [column for name, column in table.columns.items() if not column.generated and name not in skipped]
        required = [column.name for column in columns if _required(table, column)]
        properties: dict[str, Json] = {}
        for column in columns:
            note = f"Left out, it is {column.default}" if column.default is not None else ""
            schema = parameter(self.schema, table, column, not column.not_null and column.name not in table.key, note)
            if self.schema.surrogate_of(table.name, column.name) == f"{table.name}.{column.name}":
                schema.pop("x-ref", None)  # a new id is nothing that a tool could have shown
            properties[column.name] = schema
        one = self.ones[table.name]
        name, text = f"create_{one}", f"Create one {one.replace('_', ' ')}."
        pair = junction(table)
        if pair is not None:
            ends = [self.ones[foreign.table] for foreign in pair]
            name, text = f"add_{ends[1]}_to_{ends[0]}", f"Link one {ends[1].replace('_', ' ')} to one {ends[0].replace('_', ' ')} ({table.name})."
        text += f" {_rules(table)} Returns the new row."
        self.add(name, table, "create", queries.create(self.schema, table), text, object_schema(properties, required), row_schema(self.schema, table))

    def update(self, table: Table) -> None:
        columns = [column for name, column in table.columns.items() if not column.generated and name not in table.key]
        if not columns:
            return
        properties: dict[str, Json] = dict(self.key(table)["properties"])
        properties |= {column.name: parameter(self.schema, table, column, not column.not_null) for column in columns}
        one = self.ones[table.name]
        text = f"Change one {one.replace('_', ' ')}, named by its key ({', '.join(table.key)}): give at least one other column."
        text += f" {_rules(table)} Returns the row as it then is."
        parameters = object_schema(properties, table.key, len(table.key) + 1)
        self.add(f"update_{one}", table, "update", queries.update(self.schema, table), text, parameters, row_schema(self.schema, table))

    def delete(self, table: Table) -> None:
        one = self.ones[table.name]
        name, text = f"delete_{one}", f"Delete one {one.replace('_', ' ')} by its key ({', '.join(table.key)})."
        pair = junction(table)
        if pair is not None:
            ends = [self.ones[foreign.table] for foreign in pair]
            name, text = (
                f"remove_{ends[1]}_from_{ends[0]}",
                f"Unlink one {ends[1].replace('_', ' ')} from one {ends[0].replace('_', ' ')} ({table.name}).",
            )
        kept = sorted(
            {child for child, foreign in self.schema.referrers(table.name) if foreign.on_delete not in {"CASCADE", "SET NULL", "SET DEFAULT"}}
        )
        gone = sorted({child for child, foreign in self.schema.referrers(table.name) if foreign.on_delete == "CASCADE"})
        text += f" Refused while rows of {', '.join(kept)} refer to it." if kept else ""
        text += f" Rows of {', '.join(gone)} that refer to it are deleted with it." if gone else ""
        returns: dict[str, Json] = {"type": "object", "properties": {"deleted": row_schema(self.schema, table)}, "required": ["deleted"]}
        self.add(name, table, "delete", queries.delete(self.schema, table), text, self.key(table), returns)

    def key(self, table: Table) -> dict[str, Json]:
        return object_schema({name: _loose(parameter(self.schema, table, table.columns[name], False)) for name in table.key}, table.key)

    def many(self, table: Table) -> str:
        return plural(self.ones[table.name])

    def page(self, table: Table) -> dict[str, Json]:
        rows = {"type": "array", "items": row_schema(self.schema, table)}
        return {"type": "object", "properties": {"rows": rows, "total": {"type": "integer"}}, "required": ["rows", "total"]}


def search_filters(table: Table) -> dict[str, Filter]:
    """What a table is searched by: the parameters' names, and what they compare."""
    filters = {name: Filter(name, "is") for name, column in table.columns.items() if column.kind != "blob"}
    for name, column in table.columns.items():
        for end, item in _more_filters(table, column):
            filters.setdefault(f"{name}_{end}", item)
    return filters


def _more_filters(table: Table, column: Column) -> Sequence[tuple[str, Filter]]:
    """Ranges for numbers and dates, containment for text; nothing for ids, choices and BLOBs."""
    if column.choices is not None or column.name in table.key or table.refers(column.name) is not None:
        return ()
    if column.kind == "text":
        return (("contains", Filter(column.name, "contains")),)
    if column.kind in {"integer", "real", "date", "datetime"}:
        return (("min", Filter(column.name, "min")), ("max", Filter(column.name, "max")))
    return ()


def _bound(schema: Schema, table: Table, column: Column, item: Filter) -> dict[str, Json]:
    if item.compare == "contains":
        return {"type": "string", "minLength": 1, "description": f"{column.name} contains this text", "x-label": f"part of {humanised(column.name)}"}
    out = _loose(parameter(schema, table, column, False))
    what = {"min": "at least", "max": "at most"}[item.compare]
    return out | {"description": f"{column.name} is {what} this", "x-label": f"{what} {marks(schema, table, column)['x-label']}"}


def _required(table: Table, column: Column) -> bool:
    """Whether a new row must say the column's value: it may not be NULL, and would be."""
    return (column.not_null or column.name in table.key) and (column.default is None or column.default.strip("()").upper() == "NULL")


def _loose(schema: dict[str, Json]) -> dict[str, Json]:
    """For look-ups: without the limits that hold for what is stored, since looking for anything else finds nothing."""
    return {name: value for name, value in schema.items() if name not in {"minimum", "maximum", "maxLength"}}


def _limit() -> dict[str, Json]:
    return {
        "type": "integer",
        "minimum": 1,
        "maximum": MOST_ROWS,
        "default": DEFAULT_ROWS,
        "description": "the most rows to return",
        "x-label": "number of rows",
    }


def _role(foreign: ForeignKey, parent: str) -> str:
    """What the foreign key calls its parent: `support_rep_id` is `support_rep`; `artist_id` to the table `artists` is
    `artist`.
    """
    if len(foreign.columns) != 1:
        return parent
    name = snake(foreign.columns[0])
    bare = name.removesuffix("_id")
    own_key = {snake(target) for target in foreign.target}
    return parent if bare in {parent, plural(parent), "id"} or (name in own_key and name.startswith(parent)) else bare


def _rules(table: Table) -> str:
    unique = ["Unique: " + ", ".join(group) + "." for group in table.unique]
    several = [check for check in table.checks if sum(name.lower() in check.lower() for name in table.columns) > 1]
    return " ".join(unique + [f"Rule: {check}." for check in several])


def _sentence(text: str) -> str:
    return text if not text or text.endswith(".") else text + "."
