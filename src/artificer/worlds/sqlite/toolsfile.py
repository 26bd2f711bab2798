"""The tools file: a TOML file that hides, renames and describes derived tools, and adds tools written as
parameterised SQL.

    hide = ["delete_*"]
    [rename]
    search_tracks = "find_tracks"
    [describe]
    find_tracks = "Find tracks in the catalogue."
    [tool.top_customers]
    description = "Customers by what they have spent, most first."
    sql = "SELECT customer_id, sum(total) AS spent FROM invoice GROUP BY 1 ORDER BY 2 DESC LIMIT :n"
    parameters = { n = { type = "integer", minimum = 1, maximum = 20, description = "how many customers" } }

Every mistake is found when the file is loaded: the statement is prepared against the database,
with an authorizer that allows reading and row changes only.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

import apsw
import msgspec
from msgspec import Struct, structs

from artificer.core.canon import Json
from artificer.core.errors import SourceError
from artificer.core.tools import ToolSpec, compile_schema
from artificer.worlds.base import TOOL_NAME
from artificer.worlds.sqlite.clock import needs_clock
from artificer.worlds.sqlite.columns import object_schema
from artificer.worlds.sqlite.ddl import tokens
from artificer.worlds.sqlite.schema import Schema
from artificer.worlds.sqlite.session import Run, SqlTool
from artificer.worlds.sqlite.values import shown
from artificer.worlds.sqlite.world import opened

ROWS = 200
"""Rows that a tool of a tools file returns at most."""
_ALLOWED = {
    apsw.SQLITE_SELECT,
    apsw.SQLITE_READ,
    apsw.SQLITE_FUNCTION,
    apsw.SQLITE_RECURSIVE,
    apsw.SQLITE_INSERT,
    apsw.SQLITE_UPDATE,
    apsw.SQLITE_DELETE,
}
_VERBS = ("SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE", "WITH", "VALUES")
_REMEDY = "write one SELECT, INSERT, UPDATE, DELETE or WITH over the database's tables"
_FORBIDDEN_FUNCTIONS = {"load_extension", "fts3_tokenizer", "edit", "readfile", "writefile", "sqlite_attach"}


class _Written(Struct, frozen=True, forbid_unknown_fields=True):
    """One `[tool.NAME]`."""

    sql: str
    description: str
    parameters: dict[str, dict[str, Any]] = {}
    required: list[str] | None = None


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    hide: list[str] = []
    rename: dict[str, str] = {}
    describe: dict[str, str] = {}
    tool: dict[str, _Written] = {}


def apply_tools_file(path: Path, tools: Sequence[SqlTool], schema: Schema, image: bytes) -> tuple[list[SqlTool], bool]:
    """The tools as the file has them, and whether its SQL mentions the time or chance.

    Raises:
        SourceError: the file cannot be read, names a tool that does not exist, or one of its tools is wrong.
    """
    said = _read(path)
    where = str(path)
    out = _renamed(_kept(tools, said.hide, where), said, where)
    connection = opened(image)
    try:
        for name, written in said.tool.items():
            out.append(_Maker(connection, schema, f"{where}, tool {name}").tool(name, written))
    finally:
        connection.close()
    names = [tool.spec.name for tool in out]
    for name in names:
        if names.count(name) > 1:
            raise SourceError(f"two tools have the name {name!r}.", where=where, remedy="choose another name, or hide the derived tool of this name")
    unknown = sorted(set(said.describe) - set(names))
    if unknown:
        raise SourceError(f"there is no tool {unknown[0]!r} to describe.", where=where, remedy="use the names as they are after hiding and renaming")
    out = [SqlTool(structs.replace(tool.spec, description=said.describe.get(tool.spec.name, tool.spec.description)), tool.run) for tool in out]
    if not out:
        raise SourceError("the tools file hides every tool.", where=where, remedy="hide fewer, or add some")
    return out, any(needs_clock(written.sql) for written in said.tool.values())


def _read(path: Path) -> _File:
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File)
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"the tools file cannot be read: {error}", where=str(path), remedy="check the path") from error
    except tomllib.TOMLDecodeError as error:
        raise SourceError(f"the tools file is not valid TOML: {error}", where=str(path), remedy="correct it there") from error
    except msgspec.ValidationError as error:
        raise SourceError(f"the tools file is wrong: {error}", where=str(path), remedy="see docs/worlds.md for what may stand in it") from error


def _kept(tools: Sequence[SqlTool], patterns: Sequence[str], where: str) -> list[SqlTool]:
    for pattern in patterns:
        if not any(fnmatchcase(tool.spec.name, pattern) for tool in tools):
            raise SourceError(
                f"hide: no tool fits {pattern!r}.", where=where, remedy="`artificer tools SOURCE` lists the names; * stands for anything"
            )
    return [tool for tool in tools if not any(fnmatchcase(tool.spec.name, pattern) for pattern in patterns)]


def _renamed(tools: Sequence[SqlTool], said: _File, where: str) -> list[SqlTool]:
    unknown = sorted(set(said.rename) - {tool.spec.name for tool in tools})
    if unknown:
        raise SourceError(f"rename: there is no tool {unknown[0]!r}.", where=where, remedy="`artificer tools SOURCE` lists the names")
    for name in said.rename.values():
        _check_name(name, where)
    return [SqlTool(structs.replace(tool.spec, name=said.rename.get(tool.spec.name, tool.spec.name)), tool.run) for tool in tools]


def _check_name(name: str, where: str) -> None:
    if not TOOL_NAME.fullmatch(name):
        raise SourceError(f"{name!r} cannot be a tool's name.", where=where, remedy="use 1 to 64 of the letters A-Z a-z, digits, _ and -")


class _Maker:
    def __init__(self, connection: apsw.Connection, schema: Schema, where: str) -> None:
        self.connection = connection
        self.schema = schema
        self.where = where

    def wrong(self, what: str, remedy: str) -> SourceError:
        return SourceError(what, where=self.where, remedy=remedy)

    def tool(self, name: str, written: _Written) -> SqlTool:
        _check_name(name, self.where)
        bound, readonly, columns = self.prepared(written.sql)
        missing = [parameter for parameter in bound if parameter not in written.parameters]
        if missing:
            raise self.wrong(f"the SQL uses :{missing[0]}, which is no parameter.", f"add {missing[0]} to parameters, with a type and a description")
        spare = [parameter for parameter in written.parameters if parameter not in bound]
        if spare:
            raise self.wrong(f"the parameter {spare[0]!r} does not occur in the SQL.", f"use :{spare[0]} in the SQL, or leave the parameter out")
        required = list(written.parameters) if written.required is None else written.required
        strange = [parameter for parameter in required if parameter not in written.parameters]
        if strange:
            raise self.wrong(f"required names {strange[0]!r}, which is no parameter.", "correct `required`")
        for parameter, schema in written.parameters.items():
            self.parameter(parameter, schema)
        parameters = object_schema({parameter: cast("Json", schema) for parameter, schema in written.parameters.items()}, required)
        compile_schema(parameters, self.where)
        optional = [parameter for parameter in bound if parameter not in required]
        effect = "read" if readonly else "write"
        spec = ToolSpec(name, " ".join(written.description.split()), parameters, self.returns(columns, readonly), effect, {"op": "sql"})
        return SqlTool(spec, _runner(written.sql, tuple(bound), dict.fromkeys(optional), tuple(columns), readonly))

    def parameter(self, name: str, schema: dict[str, Any]) -> None:
        types = schema.get("type")
        listed = cast("list[Any]", types) if isinstance(types, list) else [types]
        if not listed or any(kind not in {"string", "integer", "number", "boolean", "null"} for kind in listed):
            raise self.wrong(
                f"the parameter {name!r} needs a type that SQL can take, not {types!r}.", 'write type = "string", "integer", "number" or "boolean"'
            )
        ref = schema.get("x-ref")
        if ref is not None:
            table, _, column = str(ref).rpartition(".")
            if table not in self.schema.tables or column not in self.schema.tables[table].columns:
                raise self.wrong(f"x-ref of {name!r} names {ref!r}, which is no column.", 'write x-ref = "table.column"')

    def prepared(self, sql: str) -> tuple[list[str], bool, list[str]]:
        """Names of the parameters, whether it only reads, and the names of the result's columns; nothing is run."""
        first_token = next((token for token in tokens(sql) if token.kind != "comment"), None)
        if first_token is None or not first_token.is_word(*_VERBS):  # VACUUM INTO, for one, would ask no authorizer
            raise self.wrong(f"the SQL may not begin with {first_token.text if first_token else 'nothing'!r}.", _REMEDY)
        denied: list[str] = []

        def authorize(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
            harmless = action in _ALLOWED and database in {None, "main"} and not (first or "").lower().startswith(("sqlite_", "pragma_"))
            if action == apsw.SQLITE_FUNCTION:
                harmless = (second or "").lower() not in _FORBIDDEN_FUNCTIONS
            if not harmless:
                denied.append(str(apsw.mapping_authorizer_function.get(action, action)).removeprefix("SQLITE_").replace("_", " "))
            return apsw.SQLITE_OK if harmless else apsw.SQLITE_DENY

        found: list[tuple[str, list[str | None], bool, list[str]]] = []

        def trace(cursor: apsw.Cursor, statement: str, bindings: Any) -> bool:
            names = [str(item[0]) for item in cursor.get_description()]
            found.append((statement, list(cursor.bindings_names), cursor.is_readonly, names))
            return False  # prepared, and stopped before it runs

        cursor = self.connection.cursor()
        cursor.exec_trace = trace
        self.connection.authorizer = authorize
        try:
            cursor.execute(sql, apsw._null_bindings, can_cache=False)  # pyright: ignore
        except apsw.ExecTraceAbort:
            pass
        except apsw.Error as error:
            if denied:
                raise self.wrong(f"the SQL may not use {denied[0]}.", _REMEDY) from error
            raise self.wrong(f"the SQL is wrong: {error}", "correct the SQL") from error
        finally:
            self.connection.authorizer = None
        if not found or any(token.kind != "comment" and token.text != ";" for token in tokens(sql[len(found[0][0]) :])):
            raise self.wrong("the SQL must be exactly one statement.", "write a tool for each statement")
        _, bindings, readonly, columns = found[0]
        if None in bindings:
            raise self.wrong("the SQL has a parameter without a name.", "write :name instead of ?")
        if len(set(columns)) != len(columns):
            raise self.wrong("two columns of the result have one name.", "name them with AS")
        return list(dict.fromkeys(name for name in bindings if name)), readonly, columns

    def returns(self, columns: Sequence[str], readonly: bool) -> dict[str, Json]:
        """Rows with their columns; a column that bears the name of exactly one table's surrogate key shows that id."""
        properties: dict[str, Json] = {}
        for column in columns:
            owners = [table.name for table in self.schema.tables.values() if table.surrogate and table.key == (column,)]
            properties[column] = {"x-ref": f"{owners[0]}.{column}"} if len(owners) == 1 else {}
        rows: dict[str, Json] = {"type": "array", "items": {"type": "object", "properties": properties}}
        out: dict[str, Json] = {"rows": rows} if columns else {}
        if not readonly:
            out["changed"] = {"type": "integer"}
        if columns:
            out["truncated"] = {"type": "boolean"}
        return {"type": "object", "properties": out}


def _runner(sql: str, bound: tuple[str, ...], absent: dict[str, None], columns: tuple[str, ...], readonly: bool) -> Run:
    def run(connection: apsw.Connection, arguments: dict[str, Any]) -> Json:
        before = connection.total_changes()
        cursor = connection.execute(sql, {**absent, **arguments} if bound else None)
        rows: list[Json] = []
        truncated = False
        for row in cursor:
            if len(rows) < ROWS:
                rows.append({name: shown(value) for name, value in zip(columns, row)})
            else:
                truncated = True
                if readonly:
                    break
        cursor.close(True)
        out: dict[str, Json] = {"rows": rows} if columns else {}
        if not readonly:
            out["changed"] = connection.total_changes() - before
        return out | ({"truncated": True} if truncated else {})

    return run
