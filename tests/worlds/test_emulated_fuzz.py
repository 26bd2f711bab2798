"""Any set of tools, any call: never a raise, results that fit, reads that change nothing, the same again."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artificer.core.canon import canonical
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.core.tools import ToolSpec, compile_schema
from artificer.core.verdicts import ErrorKind
from artificer.worlds.emulated import EmulatedWorld, Material
from artificer.worlds.emulated.forms import tools_of
from artificer.worlds.schema_values import NoSample, sample

_spec = importlib.util.spec_from_file_location("schema_strategies", Path(__file__).parent / "test_schema_values.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

NAMES = st.builds(
    "_".join,
    st.tuples(
        st.sampled_from(["get", "list", "create", "update", "delete", "cancel", "clear", "frob"]),
        st.sampled_from(["order", "orders", "user", "order_item", "user_orders"]),
    ),
)
FIELDS = st.dictionaries(
    st.sampled_from(["id", "order_id", "user_id", "order_ids", "name", "status", "note", "success", "total", "order"]), _module.schemas, max_size=5
)


def record(properties, required):
    return {"type": "object", "properties": properties, "required": [name for name in properties if required]}


RETURNS = st.one_of(
    st.none(),
    _module.schemas.filter(lambda schema: isinstance(schema, dict)),
    st.builds(record, FIELDS, st.booleans()),
    st.builds(lambda one: {"type": "array", "items": one}, st.builds(record, FIELDS, st.booleans())),
    st.builds(lambda one, more: record({"data": one, **more}, True), st.builds(record, FIELDS, st.booleans()), FIELDS),
    st.builds(lambda one, more: record({"items": {"type": "array", "items": one}, **more}, True), st.builds(record, FIELDS, st.booleans()), FIELDS),
)
TOOLS = st.lists(
    st.builds(lambda name, fields, required, returns: ToolSpec(name, "", record(fields, required), returns), NAMES, FIELDS, st.booleans(), RETURNS),
    min_size=1,
    max_size=6,
    unique_by=lambda tool: tool.name,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(TOOLS, st.integers(0, 2**16))
async def test_any_tools_can_be_called(tools, seed):
    worlds = [EmulatedWorld(Material(tuple(tools)), "emulated:any", rows=3, seed=seed) for _ in range(2)]
    sessions = [await world.open(Start(seed=seed)) for world in worlds]
    random = Random(seed)
    for _ in range(2):
        for tool in worlds[0].tools:
            arguments = sample(tool.parameters, random)
            for name, value in arguments.items():
                plan = worlds[0].plans.plans[tool.name]
                table = plan.table if name == plan.key else plan.refs.get(name)
                rows = worlds[0].state.get(table or "")
                if rows and not isinstance(value, (list, dict)):
                    arguments[name] = random.choice(list(rows.values())).get(worlds[0].plans.resources[table].id)
            mark = sessions[0].calls
            one, other = [await session.call(ToolCall("c", tool.name, arguments)) for session in sessions]
            assert canonical(one) == canonical(other)
            effects = sessions[0].effects(mark)
            if one.error is None:
                assert tool.returns is None or compile_schema(tool.returns, "t").is_valid(one.content)
            if tool.effect == "read" or one.error is not None:
                assert effects == ()
    assert sessions[0].digest() == sessions[1].digest()
    assert canonical(sessions[0].effects()) == canonical(sessions[1].effects())


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["name", "tools", "toolkit", "function", "parameters", "type", "properties", "returns", "$ref", "a"]), inner, max_size=5
        ),
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(JSON, max_size=5))
def test_any_records_are_read_or_left_out(records):
    problems = []
    for tool in tools_of(records, problems):
        EmulatedWorld(Material((tool,)), "emulated:any", rows=1)


@settings(max_examples=300, deadline=None)
@given(JSON, st.integers(0, 9))
def test_any_schema_gives_a_fitting_value_or_none(schema, seed):
    try:
        value = sample(schema, Random(seed))
    except NoSample:
        return
    try:
        assert schema is True or compile_schema(schema, "s").is_valid(value)
    except SourceError:
        pytest.fail("a value was drawn of a schema that does not compile")


async def test_arguments_that_nest_without_end_are_refused():
    tool = ToolSpec("create_thing", "", {"type": "object", "properties": {"a": {}}})
    session = await EmulatedWorld(Material((tool,)), "emulated:any").open(Start())
    for depth, kind in ((60, None), (100, ErrorKind.invalid_argument), (900, ErrorKind.invalid_argument), (50_000, ErrorKind.invalid_argument)):
        value = []
        for _ in range(depth):
            value = [value]
        assert (await session.call(ToolCall("c", "create_thing", {"a": value}))).error is kind
