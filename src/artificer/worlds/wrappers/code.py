"""`| code`: code as action. One tool, `run_python`, in whose code the inner world's tools are plain functions.

A call of such a function leaves the sandbox as a request; the inner session validates and runs it as any other call,
and its answer becomes the function's value. What a tool refuses is raised as `ToolError` in the code. State, effects
and digest are the inner session's. With `mode=notebook` variables stay from call to call and belong to the state too.

A program that has to be ended (time, memory, ...) leaves the inner state as it was, where the inner world can be
copied (`forks = "exact"`); otherwise what it had done by then stays done, and the answer says so. Calls of other
actors than the agent and the user (setup, gold) go to the inner tools by their own names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from artificer.core.canon import Json, digest, seed_of
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Effect, Start
from artificer.core.tools import ToolSpec, compile_schema, not_json, refusal
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Forks, Problem, Session, World
from artificer.worlds.code.content import shown, tables
from artificer.worlds.code.functions import functions_of, manual
from artificer.worlds.code.notebook import Notebook
from artificer.worlds.code.program import Lost, Outcome
from artificer.worlds.code.sandbox import Sandbox
from artificer.worlds.code.settings import settings_of
from artificer.worlds.code.world import RUN, ended, policy_of, problems_of

_PARTIES = frozenset({"agent", "user"})
_SHOWN = 100


def wrap(world: World, **options: str) -> CodeAction:
    """The world with its tools as functions of code.

    Args:
        world: any world.
        options: those of a `code:` world, and `calls`: how many a program may make (100).

    Raises:
        SourceError: an option out of range, or no sandbox can be had on this machine.
    """
    calls = options.pop("calls", "100")
    if not calls.isascii() or not calls.isdigit() or not 1 <= int(calls) <= 10_000:
        raise SourceError(f"calls={calls!r} is out of range.", where=f"{world.name} | code", remedy="take a number from 1 to 10000")
    return CodeAction(world, int(calls), options)


class CodeAction(World):
    """A world acted in by writing code."""

    def __init__(self, inner: World, most_calls: int, options: dict[str, str]) -> None:
        told = ",".join(f"{name}={value}" for name, value in options.items())
        self.name = f"{inner.name} | code{':' if told else ''}{told}"
        self.inner = inner
        self.most_calls = most_calls
        self.settings = settings_of(options, self.name)
        self.functions = functions_of(inner.tools)
        self.tools: Sequence[ToolSpec] = (tool_of(self.functions, self.settings.mode == "notebook"),)
        self.policy = f"{inner.policy}\n\n{policy_of(self.settings)}".strip()
        self.forks: Forks = inner.forks if self.settings.mode == "stateless" or inner.forks == "none" else "replay"
        self.validator = compile_schema(self.tools[0].parameters, self.name)
        self.sandbox = Sandbox.start(self.settings, self.name)
        self.problems: Sequence[Problem] = (*inner.problems, *problems_of(self.sandbox))
        self.notes: Sequence[str] = (*inner.notes, f"sandbox: {self.sandbox.protections}")

    async def open(self, start: Start) -> CodeActionSession:
        """A session around one of the inner world."""
        notebook = None
        if self.settings.mode == "notebook":
            notebook = Notebook(self.sandbox, seed_of("code", start.seed), {}, self.functions)
        return CodeActionSession(self, await self.inner.open(start), seed_of("code", start.seed), notebook)

    async def close(self) -> None:
        """Ends the sandbox and the inner world."""
        self.sandbox.close()
        await self.inner.close()


class CodeActionSession(Session):
    """An inner session, and the code that acts in it."""

    def __init__(self, world: CodeAction, inner: Session, seed: int, notebook: Notebook | None) -> None:
        self._world = world
        self._inner = inner
        self._seed = seed
        self._notebook = notebook
        self._turn = asyncio.Lock()

    @property
    def calls(self) -> int:
        return self._inner.calls

    async def call(self, call: ToolCall, actor: str = "agent") -> ToolResult:
        if call.name != RUN:
            if actor in _PARTIES:
                return ToolResult(call.id, None, ErrorKind.unknown_tool, f"there is no tool {call.name!r}; call it as a function in {RUN}")
            return await self._inner.call(call, actor)
        refused = refusal(call, self._world.validator)
        if refused is not None:
            return refused
        async with self._turn:
            return await self._act(call, actor)

    async def _act(self, call: ToolCall, actor: str) -> ToolResult:
        backup = await self._inner.fork() if self._world.inner.forks == "exact" else None
        made = Made(self._inner, call.id, actor, self._world.most_calls)
        try:
            outcome = await self._run(call.arguments["code"], made)
            refused = ended(call, outcome, self._world.settings.limits, notebook=self._notebook is not None)
        except (Lost, OSError) as error:
            outcome, refused = None, ToolResult(call.id, None, ErrorKind.internal, f"the sandbox failed: {error}")
        if refused is None and outcome is not None:
            if backup is not None:
                await backup.close()
            return ToolResult(call.id, shown(outcome, {}) | made.shown())
        return await self._undo(refused or ToolResult(call.id, None, ErrorKind.internal), backup, made)

    async def _run(self, code: str, made: Made) -> Outcome:
        if self._notebook is not None:
            return await self._notebook.run(code, made.answer)
        return await self._world.sandbox.once(code, self._seed, {}, self._world.functions, made.answer)

    async def _undo(self, refused: ToolResult, backup: Session | None, made: Made) -> ToolResult:
        """A program that was ended has changed nothing; where that cannot be had, it is no error but an answer."""
        if backup is not None:
            await self._inner.close()
            self._inner = backup
            return refused
        if not made.calls:
            return refused
        said = f"{refused.detail} Calls it had made by then stay made."
        return ToolResult(refused.call_id, {"stdout": "", "error": said, **made.shown()})

    async def fork(self) -> CodeActionSession:
        return CodeActionSession(self._world, await self._inner.fork(), self._seed, None if self._notebook is None else self._notebook.fork())

    def digest(self) -> str:
        if self._notebook is None:
            return self._inner.digest()
        return digest("code", self._inner.digest(), tables(self._notebook.files), [cell.code for cell in self._notebook.cells])

    def effects(self, since: int = 0) -> tuple[Effect, ...]:
        return self._inner.effects(since)

    async def close(self) -> None:
        if self._notebook is not None:
            await self._notebook.end()
        await self._inner.close()


class Made:
    """The inner calls of one program, as they are made."""

    def __init__(self, inner: Session, call_id: str, actor: str, most: int) -> None:
        self._inner = inner
        self._call_id = call_id
        self._actor = actor
        self._most = most
        self.calls: list[dict[str, Json]] = []

    async def answer(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Serves one call in the inner session."""
        if len(self.calls) >= self._most:
            return {"error": ErrorKind.forbidden.value, "detail": f"a program may make at most {self._most} calls"}
        record: dict[str, Json] = {"name": name[:64], "arguments": arguments}
        garbled = not_json(record)
        if garbled is not None:
            return {"error": ErrorKind.invalid_argument.value, "detail": garbled}
        self.calls.append(record)
        result = await self._inner.call(ToolCall(f"{self._call_id}.{len(self.calls)}", name, arguments), self._actor)
        if result.error is None:
            return {"content": result.content}
        record["error"] = result.error.value
        return {"error": result.error.value, "detail": result.detail}

    def shown(self) -> dict[str, Json]:
        """The calls as part of a result."""
        if not self.calls:
            return {}
        more: dict[str, Json] = {"calls_made": len(self.calls)} if len(self.calls) > _SHOWN else {}
        return {"calls": self.calls[:_SHOWN], **more}


def tool_of(functions: list[dict[str, Any]], notebook: bool) -> ToolSpec:
    """`run_python` with the manual of all functions."""
    memory = "Variables and imports stay from call to call." if notebook else "Each call starts a fresh interpreter: variables do not stay."
    text = (
        f"Act by running Python code. {memory} Print what you want to see; the last expression is shown too. A function that fails raises ToolError"
        f" (with .kind and .detail). These functions are there:\n\n{manual(functions)}"
    )
    code: dict[str, Json] = {"type": "string", "description": "Python code", "maxLength": 200_000}
    return ToolSpec(RUN, text, {"type": "object", "properties": {"code": code}, "required": ["code"], "additionalProperties": False}, None, "write")
