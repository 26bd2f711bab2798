"""MCP servers behind URLs: what they answer instead of a protocol, their headers, and what is left when they go."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import World
from artificer.worlds.serve_http import serve_http
from artificer.worlds.serve_mcp import offer_of

LEDGER = str(Path(__file__).parent / "servers" / "ledger.py")
Reply = Callable[[dict[str, Any], dict[str, str], asyncio.StreamWriter], None]


@asynccontextmanager
async def answering(reply: Reply) -> AsyncIterator[str]:
    """The URL of an HTTP server that answers each POST as `reply` writes it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            reply(json.loads(body or b"{}"), headers, writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
    finally:
        server.close()


def http(writer: asyncio.StreamWriter, body: bytes, *headers: str, status: str = "200 OK") -> None:
    lines = [f"HTTP/1.1 {status}", "connection: close", *headers, f"content-length: {len(body)}", "", ""]
    writer.write("\r\n".join(lines).encode() + body)


def plain(request: dict[str, Any], _: dict[str, str], writer: asyncio.StreamWriter, result: object = None) -> None:
    """An ordinary answer."""
    tools = [{"name": "look", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}}]
    answers: dict[str, object] = {
        "initialize": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "x", "version": "1"}},
        "tools/list": {"tools": tools},
        "tools/call": result if result is not None else {"content": [{"type": "text", "text": "seen"}]},
    }
    if "id" in request:
        body = {"jsonrpc": "2.0", "id": request["id"], "result": answers.get(request["method"], {})}
        http(writer, json.dumps(body).encode(), "content-type: application/json")
    else:
        http(writer, b"", status="202 Accepted")


def page(request: dict[str, Any], _: dict[str, str], writer: asyncio.StreamWriter) -> None:
    http(writer, b"<html>Log in first</html>", "content-type: text/html")


def elsewhere(request: dict[str, Any], _: dict[str, str], writer: asyncio.StreamWriter) -> None:
    http(writer, b"", "location: http://127.0.0.2:9/steal", status="307 Temporary Redirect")


def bomb(request: dict[str, Any], _: dict[str, str], writer: asyncio.StreamWriter) -> None:
    http(writer, gzip.compress(b" " * 50_000_000), "content-type: application/json", "content-encoding: gzip")


def broken(request: dict[str, Any], _: dict[str, str], writer: asyncio.StreamWriter) -> None:
    http(writer, b"{", "content-type: application/json")


def failing(request: dict[str, Any], _: dict[str, str], writer: asyncio.StreamWriter) -> None:
    http(writer, b"oh no", "content-type: text/plain", status="500 Internal Server Error")


@pytest.mark.parametrize("reply", [page, elsewhere, bomb, broken, failing])
async def test_what_is_no_server_is_one_message(reply: Reply) -> None:
    async with answering(reply) as url:
        with pytest.raises(SourceError) as caught:
            await asyncio.to_thread(World.of, f"mcp:{url}", start_timeout="5")
    assert url in str(caught.value)
    assert caught.value.remedy == "check the URL and that the server runs"


def test_a_bad_server_is_told_once_and_not_with_the_librarys_tracebacks(tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(NOISE)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "cannot be used" in done.stdout


NOISE = """
import http.server, threading

class Broken(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "1")
        self.end_headers()
        self.wfile.write(b"{")

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Broken)
threading.Thread(target=server.serve_forever, daemon=True).start()

from artificer import World
from artificer.core.errors import SourceError

try:
    World.of(f"mcp:http://127.0.0.1:{server.server_port}/mcp")
except SourceError as error:
    print(error)
"""


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
async def test_an_answer_of_any_size_does_not_fill_the_memory(kind: str) -> None:
    sent = 0

    def endless(request: dict[str, Any], headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        if request.get("method") != "tools/call":
            plain(request, headers, writer)
            return
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: 10000000000\r\n\r\ndata: ".encode())
        asyncio.get_running_loop().create_task(pour(writer))

    async def pour(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        while not writer.is_closing() and sent < 2_000_000_000:
            writer.write(b" " * 2**20)
            sent += 2**20
            try:
                await writer.drain()
            except OSError:
                return

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with answering(endless) as url:
        world = await asyncio.to_thread(World.of, f"mcp:{url}", timeout="5")
        session = await world.open(Start())
        result = await session.call(ToolCall("c", "look", {}))
        assert result.error in (ErrorKind.bad_output, ErrorKind.internal, ErrorKind.transport, ErrorKind.timeout)
        await session.close()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB
    assert sent < 200_000_000


async def test_headers_are_the_sessions_own_and_secrets_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "s3cret-token-7")
    seen: list[tuple[str, str, str]] = []

    def echo(request: dict[str, Any], headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        seen.append((headers.get("authorization", ""), headers.get("x-user", ""), headers.get("x-session", "")))
        plain(request, headers, writer, {"content": [{"type": "text", "text": f"{headers['authorization']} of {headers['x-user']}"}]})

    async with answering(echo) as url:
        options = {"header.Authorization": "Bearer ${SHOP_TOKEN}", "header.X-User": "ana@shop.example", "header.X-Session": "{session}-{seed}"}
        world = await asyncio.to_thread(lambda: World.of(f"mcp:{url}", **options))
        seen.clear()
        one, other = await world.open(Start(1)), await world.open(Start(2))
        assert (await one.call(ToolCall("c", "look", {}))).content == "bearer [SHOP_TOKEN] of ana@shop.example"
        assert (await other.call(ToolCall("c", "look", {}))).error is None
        await asyncio.gather(one.close(), other.close())
    assert {(token, user) for token, user, _ in seen} == {("bearer s3cret-token-7", "ana@shop.example")}
    assert len({session for *_, session in seen}) == 2
    assert {session[-2:] for *_, session in seen} == {"-1", "-2"}


async def test_a_server_that_went_away_and_came_back() -> None:
    """Typed errors while it is away; then a new connection, whose state is made again where it is the session's own."""
    world = World.of(f"python:{LEDGER}")
    address = ""

    @asynccontextmanager
    async def up() -> AsyncIterator[str]:
        url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(serve_http(offer_of(world), address or "127.0.0.1:0", told=url.set_result))
        try:
            await asyncio.wait({task, url}, return_when=asyncio.FIRST_COMPLETED)
            yield await url
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    pay, balance = ToolCall("p", "pay", {"amount": 2, "to": "Ana"}), ToolCall("b", "balance", {})
    async with up() as url:
        far = await asyncio.to_thread(World.of, f"mcp:{url}", state="session", timeout="5", restarts="5")
        session = await far.open(Start())
        assert (await session.call(pay)).content == {"balance": -2}
        assert (await session.call(pay)).content == {"balance": -4}
    address = url.removeprefix("http://").removesuffix("/mcp")
    gone = await session.call(pay)
    assert gone.error is ErrorKind.transport
    assert (await session.call(balance)).error is ErrorKind.transport
    async with up():
        result = await session.call(balance)
        assert (result.content, result.error, result.detail) == (-4, None, None)
        await session.close()


def test_proxies_of_the_environment_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from artificer.worlds.mcp_http import client

    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(SourceError, match="cannot be used"):
        World.of("mcp:http://shop.example/mcp", start_timeout="5")
    assert client("http://shop.example/mcp", {}, 1, 10, list).trust_env is False
