"""`artificer serve --as mcp` with the official client over stdio and HTTP, and our own world made of what it serves."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp import Client, MCPError
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

import artificer
from artificer.core.canon import rng
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import World
from artificer.worlds.guide import Demand, Request
from artificer.worlds.mcp_wire import result, specs
from artificer.worlds.serve_http import address_of, bound, serve_http
from artificer.worlds.serve_mcp import answer_of, offer_of, tool_of

SERVE = [sys.executable, "-m", "artificer", "serve"]
SOURCES = str(Path(artificer.__file__).parents[1])
LEDGER = str(Path(__file__).parent / "servers" / "ledger.py")


def stdio(*words: str) -> StdioServerParameters:
    return StdioServerParameters(command=SERVE[0], args=[*SERVE[1:], *words], env=dict(os.environ))


@asynccontextmanager
async def serving(world: World, *, control: bool = False, address: str = "127.0.0.1:0", **more: Any) -> AsyncIterator[str]:
    """The URL of a world that is served in this event loop."""
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve_http(offer_of(world, control=control), address, told=url.set_result, **more))
    try:
        await asyncio.wait({task, url}, return_when=asyncio.FIRST_COMPLETED)
        yield await url
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_an_official_client_over_stdio(mode: str) -> None:
    async with Client(stdio(f"python:{LEDGER}", "--control", "--seed", "3"), mode=mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert list(tools) == ["balance", "entries", "wait", "pay", "reset", "effects", "digest"]
        assert tools["balance"].annotations is not None
        assert tools["balance"].annotations.read_only_hint is True
        assert tools["pay"].annotations is not None
        assert tools["pay"].annotations.read_only_hint is False
        balance = await client.call_tool("balance", {})
        assert (balance.structured_content, balance.is_error) == ({"result": 3}, False)
        begun = (await client.call_tool("digest", {})).structured_content
        paid = await client.call_tool("pay", {"amount": 4, "to": "Ana"})
        assert paid.structured_content == {"balance": -1}
        assert (await client.call_tool("entries", {})).structured_content == {"result": [{"to": "Ana", "amount": 4}]}
        refused = await client.call_tool("pay", {"amount": "much", "to": "Ana"})
        assert refused.is_error
        assert "amount" in refused.content[0].text
        effects = (await client.call_tool("effects", {})).structured_content
        assert [effect["table"] for effect in effects["effects"]] == ["balance", "entries"]
        assert (await client.call_tool("effects", {"since": effects["calls"]})).structured_content["effects"] == []
        assert (await client.call_tool("digest", {})).structured_content != begun
        assert (await client.call_tool("reset", {})).structured_content == {**begun, "seed": 3}
        assert (await client.call_tool("reset", {"seed": 8})).structured_content["seed"] == 8
        assert (await client.call_tool("balance", {})).structured_content == {"result": 8}
        assert (await client.call_tool("reset", {"seed": "x"})).is_error
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("steal", {})


async def test_a_client_that_gives_up_stops_the_call_and_goes_on() -> None:
    async with Client(stdio(f"python:{LEDGER}")) as client:
        with pytest.raises(MCPError, match="timed out"):
            await client.call_tool("wait", {"seconds": 200}, read_timeout_seconds=0.3)
        assert (await client.call_tool("balance", {}, read_timeout_seconds=60)).structured_content == {"result": 0}


async def test_clients_over_http_do_not_see_each_other() -> None:
    async with serving(World.of(f"python:{LEDGER}"), control=True) as url, Client(url) as one, Client(url, mode="legacy") as other:
        await one.call_tool("pay", {"amount": 4, "to": "Ana"})
        await other.call_tool("pay", {"amount": 1, "to": "Ben"})
        assert (await one.call_tool("balance", {})).structured_content == {"result": -4}
        assert (await other.call_tool("balance", {})).structured_content == {"result": -1}
        await one.call_tool("reset", {})
        assert (await one.call_tool("balance", {})).structured_content == {"result": 0}
        assert (await other.call_tool("balance", {})).structured_content == {"result": -1}


async def test_many_clients_connect_at_once_and_none_is_dropped() -> None:
    async def one(url: str, number: int) -> Any:
        async with Client(url, mode="legacy") as client:
            await client.call_tool("pay", {"amount": number, "to": "x"})
            return (await client.call_tool("balance", {})).structured_content["result"]

    async with serving(World.of(f"python:{LEDGER}")) as url:
        assert await asyncio.gather(*(one(url, number) for number in range(32))) == [-number for number in range(32)]


async def test_a_limit_a_token_and_a_wrong_path() -> None:
    async with serving(World.of(f"python:{LEDGER}"), token="s3cret-token", most=1) as url:
        async with httpx2.AsyncClient() as http:
            assert (await http.post(url, json={})).status_code == 401
            assert (await http.post(url, json={}, headers={"authorization": "Bearer s3cret-tokem"})).status_code == 401
            assert (await http.get(url.replace("/mcp", "/else"))).status_code == 404
            known = {"authorization": "Bearer s3cret-token", "accept": "application/json, text/event-stream"}
            assert (await http.post(url, json={}, headers={**known, "mcp-session-id": "guessed"})).status_code == 404
            assert (await http.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers=known)).status_code == 400
            assert (await http.post(url, content=b"x" * 5_000_000, headers=known)).status_code == 413
            assert (await http.post(url, json={}, headers={**known, "host": "evil.example"})).status_code == 421
        async with httpx2.AsyncClient(headers={"authorization": "Bearer s3cret-token"}) as http:
            async with Client(streamable_http_client(url, http_client=http)) as client:
                assert (await client.call_tool("balance", {})).structured_content == {"result": 0}
                with pytest.raises(Exception):  # noqa: B017, PT011 - what the client raises is its own affair
                    async with Client(streamable_http_client(url, http_client=http), mode="legacy"):
                        pass
            async with Client(streamable_http_client(url, http_client=http)):
                pass  # the one who left made room


async def test_a_client_that_falls_silent_is_forgotten() -> None:
    greeting = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    known = {"accept": "application/json, text/event-stream"}
    async with serving(World.of(f"python:{LEDGER}"), idle_s=0.2) as url, httpx2.AsyncClient() as http:
        opened = await http.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": greeting}, headers=known)
        known["mcp-session-id"] = opened.headers["mcp-session-id"]
        ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
        assert (await http.post(url, json=ping, headers=known)).status_code == 200
        for _ in range(100):
            if (await http.post(url, json=ping, headers=known)).status_code == 404:
                break
            await asyncio.sleep(0.3)
        else:
            raise AssertionError("it was not forgotten")


async def test_an_address_that_cannot_be_served_says_why() -> None:
    offer = offer_of(World.of(f"python:{LEDGER}"))
    with pytest.raises(SourceError, match="reached by others"):
        await serve_http(offer, "0.0.0.0:0")
    with bound("127.0.0.1", 0) as taken, pytest.raises(SourceError, match="Address already in use"):
        await serve_http(offer, f"127.0.0.1:{taken.getsockname()[1]}")
    for address in ("8000", "127.0.0.1:port", ":80", "127.0.0.1:99999"):
        with pytest.raises(SourceError, match="not an address"):
            address_of(address)


@pytest.mark.parametrize("source", ["domain:retail", "sqlite:chinook", f"python:{LEDGER.replace('ledger', 'typed_tools')}"])
async def test_a_world_is_the_same_world_at_the_other_end(source: str) -> None:
    near = World.of(source)
    far = World.of("mcp:" + " ".join([*SERVE, source]), **{"env.PYTHONPATH": SOURCES})
    assert far.tools == near.tools
    assert far.toolset() == near.toolset()
    assert far.policy == near.policy
    one, other = await asyncio.gather(near.open(Start()), far.open(Start()))
    answered = 0
    for tool in near.tools:
        for value in (1, "1", "Rock", None, [], {}):
            call = ToolCall("c", tool.name, dict.fromkeys(tool.parameters.get("properties", {}), value))
            result = await one.call(call)
            assert await other.call(call) == result
            answered += result.error is None
    assert answered
    await asyncio.gather(one.close(), other.close())


async def test_tasks_of_a_world_run_the_same_over_http() -> None:
    """Gold calls of real requests: every result and the final digest, through a connection of its own."""
    near = World.of("domain:retail")
    guide = near.guide
    assert guide is not None
    session = await near.open(Start())
    gold: list[ToolCall] = []
    async for request in guide.propose(session, rng("serve"), Demand()):
        if isinstance(request, Request):
            for call in request.want.gold:
                assert (await session.call(call)).error is None
                gold.append(call)
        if len(gold) >= 6:
            break
    async with serving(near, control=True) as url:
        far = await asyncio.to_thread(World.of, f"mcp:{url}", state="session")
        assert far.forks == "replay"
        there = await far.open(Start())
        here = await near.open(Start())
        for call in gold:
            assert await there.call(call) == await here.call(call)
        fork = await there.fork()
        ask = ToolCall("d", "digest", {})
        assert (await there.call(ask)).content == {"digest": here.digest()}
        assert (await fork.call(ask)).content == {"digest": here.digest()}
        await asyncio.gather(there.close(), fork.close())
    await asyncio.gather(session.close(), here.close())


SCHEMA = {
    "$defs": {"node": {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}}},
    "$ref": "#/$defs/node",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), lambda part: st.lists(part) | st.dictionaries(st.text(), part)
)


@settings(deadline=None)
@given(JSON)
def test_every_content_comes_through_unchanged(content: Any) -> None:
    sent = answer_of(ToolResult("c", content)).model_dump(by_alias=True, mode="json", exclude_none=True)
    assert result(ToolCall("c", "x", {}), sent, 10**6, None) == ToolResult("c", content)


@pytest.mark.parametrize("kind", list(ErrorKind))
def test_every_error_comes_through_unchanged(kind: ErrorKind) -> None:
    sent = answer_of(ToolResult("c", None, kind, "no such thing")).model_dump(by_alias=True, mode="json", exclude_none=True)
    assert result(ToolCall("c", "x", {}), sent, 10**6, None) == ToolResult("c", None, kind, "no such thing")


@pytest.mark.parametrize(
    "returns", [None, {"type": "string"}, {"type": "object", "properties": {}}, SCHEMA, {"type": "array", "items": {"$ref": "#"}}]
)
@pytest.mark.parametrize("effect", ["read", "write", "unknown"])
def test_every_tool_comes_through_unchanged(returns: Any, effect: Any) -> None:
    parameters = {"type": "object", "properties": {"a": {"type": "string", "description": "'x' or 'y'"}}}
    spec = ToolSpec("do_it", "Does 'this' or 'that'.", parameters, returns, effect, {"group": "g"}, ({"a": "x"},))
    sent = tool_of(spec).model_dump(by_alias=True, mode="json", exclude_none=True)
    found, problems = specs([sent], "here")
    assert problems == []
    assert [offered.spec for offered in found] == [spec]


def test_what_cannot_be_served_is_one_message() -> None:
    for words, said in (
        (["sqlite:/no/such.db"], "there is no file"),
        (["sqlite:chinook", "--http", "127.0.0.1"], "not an address"),
        (["sqlite:chinook", "--http", "127.0.0.1:0", "--token", "plain"], "env:NAME"),
    ):
        done = subprocess.run([*SERVE, *words], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert said in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_at_once(number: signal.Signals) -> None:
    pipe = subprocess.PIPE
    usual = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a background job would inherit that it is ignored
    process = subprocess.Popen([*SERVE, f"python:{LEDGER}"], stdin=pipe, stdout=pipe, stderr=pipe, preexec_fn=usual)
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"junk\n" + b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
        process.stdin.flush()
        assert b'"id":1' in process.stdout.readline()
        process.send_signal(number)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()
