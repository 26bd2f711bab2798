"""A shop over SQLite with three tools, and episodes played in it by hand."""

import apsw
import pytest

from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Constraint, Goal, Start, Task
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node
from artificer.core.verdicts import ErrorKind, StopReason
from artificer.rollout.past import episode_of
from artificer.worlds.base import begun
from artificer.worlds.sqlite import Refusal, SqlTool, SqlWorld

SCHEMA = """
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL, stock INTEGER);
CREATE TABLE sale (id INTEGER PRIMARY KEY, item_id INTEGER REFERENCES item, note TEXT);
CREATE TABLE mood (word TEXT, photo BLOB);
CREATE INDEX by_name ON item (name);
INSERT INTO item VALUES (1, 'Blue Lamp', 9.5, 3), (2, 'Red Chair', NULL, 0), (3, 'Old Rug', 120.0, 1);
INSERT INTO mood VALUES ('calm', x'00ff'), ('calm', NULL);
"""


def sell(connection, arguments):
    stock = connection.execute("SELECT stock FROM item WHERE id = ?", (arguments["item"],)).get
    if not stock:
        raise Refusal(ErrorKind.constraint, "none is left")
    connection.execute("UPDATE item SET stock = stock - 1 WHERE id = ?", (arguments["item"],))
    connection.execute("INSERT INTO sale (item_id, note) VALUES (?, ?)", (arguments["item"], arguments.get("note")))
    return {"sold": arguments["item"]}


def price(connection, arguments):
    connection.execute("UPDATE item SET price = ? WHERE id = ?", (arguments["price"], arguments["item"]))


def look(connection, arguments):
    return connection.execute("SELECT name FROM item WHERE id = ?", (arguments["item"],)).get


def spec(name, effect, **properties):
    return ToolSpec(name, name, {"type": "object", "properties": properties, "additionalProperties": False}, None, effect)


def shop_world():
    connection = apsw.Connection(":memory:")
    connection.execute(SCHEMA)
    whole, number, text = {"type": "integer"}, {"type": ["number", "null"]}, {"type": "string"}
    tools = [
        SqlTool(spec("sell", "write", item=whole, note=text), sell),
        SqlTool(spec("price", "write", item=whole, price=number), price),
        SqlTool(spec("look", "read", item=whole), look),
    ]
    return SqlWorld("test:shop", connection.serialize("main"), tools)


def task_with(*constraints, start=Start()):  # noqa: B008
    return Task("t", "test:shop", start, "", Goal((), (), ()), constraints=tuple(constraints))


async def played(world, task, *turns):
    """An episode in which what each turn says is said: a text by the user first, then by the agent; a tuple is a call."""
    session = await begun(world, task.start)
    mark, nodes, speaker = session.calls, [], "user"
    for number, turn in enumerate(turns):
        if isinstance(turn, str):
            nodes.append(Node(None, Message(speaker, turn)))
            speaker = "assistant" if speaker == "user" else "user"
            continue
        name, arguments = turn
        call = ToolCall(f"c{number}", name, arguments)
        nodes.append(Node(None, Message("assistant", calls=(call,))))
        before = session.calls
        result = await session.call(call)
        nodes.append(Node(None, Message("tool", result=result), effects=session.effects(before)))
    made = episode_of(task, world, nodes, session.effects(mark), StopReason.user_done)
    await session.close()
    return made


@pytest.fixture(scope="session")
def shop():
    return shop_world()


@pytest.fixture(scope="session")
def play():
    return played


@pytest.fixture(scope="session")
def task():
    return task_with


@pytest.fixture(scope="session")
def sql():
    return lambda query, expected=None, comparison="equals", *parameters, **more: Constraint(
        "sql", {"query": query, "expected_value": expected, "comparison_type": comparison, "parameters": list(parameters), **more}
    )
