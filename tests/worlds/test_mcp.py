"""MCP worlds over real servers: private state, probes, forks by replay, the workspace."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import World
from artificer.worlds.mcp import McpWorld
from artificer.worlds.observe import Probe

NOTEBOOK = f"{sys.executable} {Path(__file__).parent / 'servers' / 'notebook.py'}"
GIT_ENV = {
    "GIT_AUTHOR_NAME": "Ana",
    "GIT_AUTHOR_EMAIL": "ana@x.example",
    "GIT_COMMITTER_NAME": "Ana",
    "GIT_COMMITTER_EMAIL": "ana@x.example",
    "GIT_AUTHOR_DATE": "2026-01-02T03:04:05+0000",
    "GIT_COMMITTER_DATE": "2026-01-02T03:04:05+0000",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}


def notebook(*probes: Probe) -> McpWorld:
    world = World.of(f"mcp:{NOTEBOOK}")
    assert isinstance(world, McpWorld)
    world.probes = probes
    return world


async def test_tools_effects_and_rules_come_from_the_server() -> None:
    world = notebook()
    assert {tool.name: tool.effect for tool in world.tools} == {
        "list_notes": "read",
        "get_note": "read",
        "rename_note": "write",
        "delete_note": "write",
        "stamp": "unknown",
    }
    assert world.policy == "Ask before you delete a note."
    assert world.forks == "replay"


async def test_sessions_are_private_and_probes_see_what_changed() -> None:
    world = notebook(Probe("list_notes", {}))
    one, other = await asyncio.gather(world.open(Start()), world.open(Start()))
    assert one.digest() == other.digest()
    refused = await one.call(ToolCall("c", "rename_note", {"note_id": "note-1", "title": "x"}))
    assert refused.error is ErrorKind.not_found
    assert one.effects() == ()
    mark = one.calls
    assert (await one.call(ToolCall("c", "rename_note", {"note_id": "note-12", "title": "Trip"}))).error is None
    assert (await one.call(ToolCall("c", "delete_note", {"note_id": "note-40"}))).error is None
    renamed, deleted = one.effects(mark)
    assert (renamed.table, renamed.key, renamed.change, renamed.columns) == (
        "list_notes.result",
        ("note-12",),
        "update",
        {"title": ("Holiday plans", "Trip")},
    )
    assert (deleted.key, deleted.change) == (("note-40",), "delete")
    assert other.effects() == ()
    await other.call(ToolCall("c", "delete_note", {"note_id": "note-40"}))
    await other.call(ToolCall("c", "rename_note", {"note_id": "note-12", "title": "Trip"}))
    assert one.digest() == other.digest()
    await asyncio.gather(one.close(), other.close())


async def test_a_fork_replays_and_is_isolated() -> None:
    world = notebook(Probe("list_notes", {}))
    session = await world.open(Start())
    await session.call(ToolCall("c", "delete_note", {"note_id": "note-12"}))
    fork = await session.fork()
    assert (fork.digest(), fork.calls, fork.effects()) == (session.digest(), session.calls, session.effects())
    await fork.call(ToolCall("c", "delete_note", {"note_id": "note-40"}))
    assert len(fork.effects()) == 2
    assert len(session.effects()) == 1
    await asyncio.gather(session.close(), fork.close())


async def test_a_fork_whose_replay_differs_is_refused() -> None:
    session = await notebook().open(Start())
    await session.call(ToolCall("c", "stamp", {}))
    with pytest.raises(SourceError, match="gave another result"):
        await session.fork()
    await session.close()


async def test_without_probes_successful_writes_are_all_that_is_known() -> None:
    world = notebook()
    one, other = await asyncio.gather(world.open(Start()), world.open(Start()))
    await one.call(ToolCall("c", "get_note", {"note_id": "note-12"}))
    await one.call(ToolCall("c", "delete_note", {"note_id": "none"}))
    assert one.digest() == other.digest()
    await one.call(ToolCall("c", "delete_note", {"note_id": "note-12"}))
    assert one.digest() != other.digest()
    assert [effect.columns for effect in one.effects()] == [{"value": (None, 'delete_note {"note_id":"note-12"}')}]
    await asyncio.gather(one.close(), other.close())


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, env={**os.environ, **GIT_ENV}, check=True, capture_output=True)


@pytest.fixture(scope="module")
def repository() -> McpWorld:
    folder = Path(tempfile.mkdtemp())
    git(folder, "init", "-b", "main")
    (folder / "readme.txt").write_text("hello\n")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "First")
    (folder / "draft.txt").write_text("later\n")
    env = {f"env.{name}": value for name, value in GIT_ENV.items()}
    world = World.of(f"mcp:{sys.executable} -m mcp_server_git --repository {{scratch}}", template=str(folder), **env)
    assert isinstance(world, McpWorld)
    world.probes = (Probe("git_branch", {"repo_path": "/workspace", "branch_type": "all"}), Probe("git_log", {"repo_path": "/workspace"}))
    return world


async def test_each_session_has_its_own_copy_of_the_template(repository: McpWorld) -> None:
    template = Path(repository.source.template or "")
    before = sorted((path, path.read_bytes()) for path in template.rglob("*") if path.is_file())
    session = await repository.open(Start())
    assert "/workspace" in repository.policy
    folder = Path(session._rig.scratch.path or "")
    made = await session.call(ToolCall("c", "git_create_branch", {"repo_path": "/workspace", "branch_name": "dev"}))
    assert made.content == "Created branch 'dev' from 'main'"
    assert [effect.columns for effect in session.effects()] == [{"value": (None, "  dev")}]
    refused = await session.call(ToolCall("c", "git_status", {"repo_path": str(template)}))
    assert refused.error is ErrorKind.forbidden
    assert "/workspace" in (refused.detail or "")
    assert str(folder) not in (refused.detail or "")
    fork = await session.fork()
    assert fork.digest() == session.digest()
    await asyncio.gather(session.close(), fork.close())
    assert not folder.exists()
    assert before == sorted((path, path.read_bytes()) for path in template.rglob("*") if path.is_file())


async def test_commits_are_the_same_in_every_session(repository: McpWorld) -> None:
    async def commit() -> tuple[object, str]:
        session = await repository.open(Start())
        await session.call(ToolCall("c", "git_add", {"repo_path": "/workspace", "files": ["draft.txt"]}))
        result = await session.call(ToolCall("c", "git_commit", {"repo_path": "/workspace", "message": "Second"}))
        digest = session.digest()
        await session.close()
        return result.content, digest

    assert await commit() == await commit()


async def test_a_server_whose_state_is_its_folder_is_used_again(repository: McpWorld) -> None:
    env = {f"env.{name}": value for name, value in GIT_ENV.items()}
    template = repository.source.template or ""
    world = World.of(f"mcp:{sys.executable} -m mcp_server_git --repository {{scratch}}", template=template, state="folder", **env)
    assert isinstance(world, McpWorld)
    world.probes = repository.probes
    assert world.forks == "exact"
    session = await world.open(Start())
    fresh = session.digest()
    await session.call(ToolCall("c", "git_create_branch", {"repo_path": "/workspace", "branch_name": "dev"}))
    fork = await session.fork()
    assert (fork.digest(), fork.effects(), fork.calls) == (session.digest(), session.effects(), 1)
    await fork.call(ToolCall("c", "git_checkout", {"repo_path": "/workspace", "branch_name": "dev"}))
    assert fork.digest() != session.digest()
    connections = {session._rig, fork._rig}
    await asyncio.gather(session.close(), fork.close())
    assert (await session.call(ToolCall("c", "git_log", {"repo_path": "/workspace"}))).error is ErrorKind.transport
    again = await world.open(Start())
    assert again._rig in connections
    assert again.digest() == fresh
    assert again.effects() == ()
    await again.close()
    await world.close()
    assert not any(Path(connection.scratch.path or "").exists() for connection in connections)


async def test_a_server_behind_a_url_is_shared_and_says_so() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [*NOTEBOOK.split(), "http", str(port)]
    process = await asyncio.create_subprocess_exec(*words, stderr=asyncio.subprocess.DEVNULL, stdin=asyncio.subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                break
            except OSError:
                await asyncio.sleep(0.05)
        world = await asyncio.to_thread(World.of, f"mcp:http://127.0.0.1:{port}/mcp")
        assert world.forks == "none"
        assert any("one state" in problem.what for problem in world.problems)
        session = await world.open(Start())
        assert (await session.call(ToolCall("c", "get_note", {"note_id": "note-12"}))).content["title"] == "Holiday plans"
        with pytest.raises(SourceError, match="cannot be forked"):
            await session.fork()
        await session.close()
    finally:
        process.terminate()
        await process.wait()
