"""SQL in arguments is text: for every derived tool of Chinook and every writing tool of the shop, in every string it takes."""

import copy
from contextlib import aclosing

from artificer.core.canon import rng
from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds import World
from artificer.worlds.guide import Demand, Request
from artificer.worlds.sqlite.schema import quote

EVIL = [
    "'; DROP TABLE track; --",
    '"; DROP TABLE track; --',
    "' OR 1=1 --",
    '" OR ""="',
    "x' UNION SELECT sql FROM sqlite_schema --",
    "1); DELETE FROM invoice_line; --",
    "\\",
    "?1 :name @name $name",
    "%' ESCAPE 'x",
    "\x00; DROP TABLE track",
    "' || (SELECT email FROM customer) || '",
    "NULL",
]
CHINOOK = World.of("sqlite:chinook")
SHOP = World.of("domain:retail")


def taken(schema):
    """The JSON types that a parameter takes."""
    types = schema["type"]
    return set(types) if isinstance(types, list) else {types}


def valid(session, table, tool):
    """Arguments that work: of a row that is there, for what a tool requires."""
    row = session.connection.execute(f"SELECT {', '.join(map(quote, table.columns))} FROM {quote(table.name)} LIMIT 1").fetchone()
    values = dict(zip(table.columns, row, strict=True))
    return {name: values.get(name, 1) for name in tool.parameters.get("required", ())}


def stored(session):
    return session.connection.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall()


async def test_every_string_of_every_chinook_tool():
    session = await CHINOOK.open(Start())
    digest, schema = session.digest(), stored(session)
    ran = set()
    for tool in CHINOOK.tools:
        table = CHINOOK.schema.tables[tool.attributes["table"]]
        for name, parameter in tool.parameters["properties"].items():
            for evil in EVIL:
                arguments = valid(session, table, tool) | {name: evil}
                there = await session.fork()
                result = there.run(ToolCall("c", tool.name, arguments))
                effects = there.effects()
                await there.close()
                where = (tool.name, name, evil)
                if "string" not in taken(parameter):
                    assert result.error in {ErrorKind.mistyped_argument, ErrorKind.invalid_argument}, where
                if result.error is not None or tool.effect == "read":
                    assert effects == (), where
                    if result.error is None:
                        column = name.removesuffix("_contains")
                        assert all(evil in row[column] for row in result.content["rows"]), where
                        assert (result.content["total"] == 0) == (not result.content["rows"]), where
                    continue
                ran.add((tool.name, name))
                (effect,) = effects
                assert effect.table == table.name, where
                assert effect.columns[name][1] == evil, where
                if effect.change == "update":
                    assert set(effect.columns) == {name}, where
    texts = {
        (tool.name, name)
        for tool in CHINOOK.tools
        if tool.attributes["op"] in ("create", "update")
        for name, parameter in tool.parameters["properties"].items()
        if "string" in taken(parameter) and "format" not in parameter
    }
    assert ran == texts
    assert (session.digest(), stored(session)) == (digest, schema)
    await session.close()


def strings(value, path=()):
    """Paths of the strings in a call's arguments."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from strings(item, (*path, key))


def replaced(arguments, path, text):
    out = copy.deepcopy(arguments)
    at = out
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = text
    return out


async def gold_calls():
    """One call that works in a fresh shop for each of its writing tools."""
    calls = {}
    writes = {tool.name for tool in SHOP.tools if tool.effect == "write"}
    for seed in range(400):
        session = await SHOP.open(Start())
        async with aclosing(SHOP.guide.propose(session, rng("injection", seed), Demand())) as proposals:
            request = await anext(proposals)
        if isinstance(request, Request) and request.want.gold:
            call = request.want.gold[0]
            calls.setdefault(call.name, call.arguments)
        await session.close()
        if calls.keys() == writes:
            return calls
    raise AssertionError(f"nobody asked for {writes - calls.keys()}")


def texts(effects):
    return {value for effect in effects for _, value in effect.columns.values() if isinstance(value, str)}


async def test_every_string_of_every_writing_tool_of_the_shop():
    session = await SHOP.open(Start())
    digest, schema = session.digest(), stored(session)
    kept = 0
    for name, arguments in sorted((await gold_calls()).items()):
        plain = await session.fork()
        assert plain.run(ToolCall("c", name, arguments)).error is None
        for path in strings(arguments):
            for evil in EVIL:
                there = await session.fork()
                result = there.run(ToolCall("c", name, replaced(arguments, path, evil)))
                where = (name, path, evil)
                if result.error is not None:
                    assert (there.effects(), there.digest()) == ((), digest), where
                else:
                    kept += 1
                    made = {part for effect in there.effects() if effect.change == "insert" for part in effect.key}
                    new = texts(there.effects()) - texts(plain.effects()) - made
                    assert new <= {evil, evil.lower()}, where
                    assert len(there.effects()) == len(plain.effects()), where
                assert stored(there) == schema, where
                await there.close()
        await plain.close()
    assert kept >= len(EVIL)
    assert session.digest() == digest
    await session.close()
