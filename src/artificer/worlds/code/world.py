"""The world of `code:` and its sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from artificer.core.canon import Json, digest, seed_of
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Effect, Start
from artificer.core.tools import ToolSpec, compile_schema, refusal
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Forks, Problem, Session, World
from artificer.worlds.code.content import RETURNS, mime_of, shown, tables, text_of
from artificer.worlds.code.notebook import Notebook
from artificer.worlds.code.program import Lost, Outcome
from artificer.worlds.code.protections import Protections
from artificer.worlds.code.sandbox import Sandbox
from artificer.worlds.code.settings import Limits, Settings
from artificer.worlds.observe import differences

RUN, LIST, READ = "run_python", "list_files", "read_file"
Files = dict[str, bytes]


class CodeWorld(World):
    """Python in a sandbox. `protections` says which walls it has."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.name = name
        self.settings = settings
        self.forks: Forks = "exact" if settings.mode == "stateless" else "replay"
        self.tools: Sequence[ToolSpec] = tools_of(settings)
        self.policy = policy_of(settings)
        self.validators = {tool.name: compile_schema(tool.parameters, f"{name} {tool.name}") for tool in self.tools}
        self.template: Files = files_of(settings.template, settings.limits, name) if settings.template else {}
        self.sandbox = Sandbox.start(settings, name)
        self.problems: Sequence[Problem] = tuple(problems_of(self.sandbox))
        self.notes: Sequence[str] = (f"sandbox: {self.protections.jail}", *(f"{what}: {how}" for what, how in self.protections.on.items()))

    @property
    def protections(self) -> Protections:
        """What holds in this world's sandbox."""
        return self.sandbox.protections

    async def open(self, start: Start) -> CodeSession:
        """A session with the template's files and nothing else. Nothing is started before the first call."""
        notebook = Notebook(self.sandbox, seed_of("code", start.seed), self.template) if self.settings.mode == "notebook" else None
        return CodeSession(self, start.seed, notebook)

    async def close(self) -> None:
        """Ends the sandbox and every program in it."""
        self.sandbox.close()


class CodeSession(Session):
    """The files of one scratch folder; for a notebook also the interpreter and the cells that ran in it."""

    def __init__(self, world: CodeWorld, seed: int, notebook: Notebook | None) -> None:
        self._world = world
        self._seed = seed_of("code", seed)
        self._notebook = notebook
        self._calls = 0
        self._turn = asyncio.Lock()
        self._seen: dict[int, Files] = {0: world.template}
        """The files after each call that changed them."""

    @property
    def calls(self) -> int:
        return self._calls

    @property
    def files(self) -> Files:
        """The scratch folder as it is: path to bytes."""
        return self._seen[max(self._seen)]

    async def call(self, call: ToolCall, actor: str = "agent") -> ToolResult:
        async with self._turn:
            return await self._answer(call)

    async def _answer(self, call: ToolCall) -> ToolResult:
        self._calls += 1
        refused = refusal(call, self._world.validators.get(call.name))
        if refused is not None:
            return refused
        if call.name == LIST:
            return ToolResult(call.id, [{"path": path, "mime": mime_of(path, data), "bytes": len(data)} for path, data in self.files.items()])
        if call.name == READ:
            return read(call, self.files, self._world.settings.limits.output)
        before = self.files
        try:
            outcome = await self._run(call.arguments["code"])
        except (Lost, OSError) as error:
            return ToolResult(call.id, None, ErrorKind.internal, f"the sandbox failed: {error}")
        refused = ended(call, outcome, self._world.settings.limits, notebook=self._notebook is not None)
        if refused is not None:
            return refused
        if outcome.files != before:
            self._seen[self._calls] = outcome.files
        return ToolResult(call.id, shown(outcome, before))

    async def _run(self, code: str) -> Outcome:
        if self._notebook is not None:
            return await self._notebook.run(code)
        return await self._world.sandbox.once(code, self._seed, self.files, [])

    async def fork(self) -> CodeSession:
        """Shares the files (they are never changed in place); a notebook's fork plays the cells again when it is first called."""
        forked = CodeSession(self._world, 0, None if self._notebook is None else self._notebook.fork())
        forked._seed, forked._calls, forked._seen = self._seed, self._calls, dict(self._seen)
        return forked

    def digest(self) -> str:
        return digest("code", tables(self.files), [] if self._notebook is None else [cell.code for cell in self._notebook.cells])

    def effects(self, since: int = 0) -> tuple[Effect, ...]:
        before = max(calls for calls in self._seen if calls <= since or calls == 0)
        return differences(tables(self._seen[before]), tables(self.files))

    async def close(self) -> None:
        if self._notebook is not None:
            await self._notebook.end()


def ended(call: ToolCall, outcome: Outcome, limits: Limits, *, notebook: bool = False) -> ToolResult | None:
    """The error of a program that was ended from outside, else None. (A program that ends itself, in any way, has run.)"""
    if outcome.finished or (outcome.died.startswith("exited") and not notebook):
        return None
    said = f" It had printed: {outcome.stdout[-500:]}" if outcome.stdout else ""
    reasons = {
        "timeout": (ErrorKind.timeout, f"the program was ended after {limits.seconds:g} seconds."),
        "used too much processor time": (ErrorKind.timeout, f"the program was ended after {limits.seconds:g} seconds of processor time."),
        "out of memory": (ErrorKind.constraint, f"the program was ended: it used more than {limits.memory >> 20} MiB of memory."),
        "too many processes": (ErrorKind.constraint, f"the program was ended: it had more than {limits.processes} processes."),
        "wrote too much": (ErrorKind.constraint, "the program was ended: it printed without end."),
        "too many files": (ErrorKind.constraint, f"the program was ended: it made more than {limits.files} files."),
        "disk full": (ErrorKind.constraint, f"the program was ended: it wrote more than {limits.disk >> 20} MiB."),
    }
    kind, detail = reasons.get(outcome.died, (ErrorKind.constraint, f"the program {outcome.died}."))
    if notebook:
        detail += " The notebook is as it was before this cell."
    return ToolResult(call.id, None, kind, detail + said)


def read(call: ToolCall, files: Files, most: int) -> ToolResult:
    """The text of one file; files are known by their exact paths only."""
    path = str(call.arguments["path"]).removeprefix("/scratch/").removeprefix("./")
    data = files.get(path)
    if data is None:
        return ToolResult(call.id, None, ErrorKind.not_found, f"there is no file {path[:200]!r}")
    text = text_of(data)
    if text is None:
        return ToolResult(call.id, None, ErrorKind.invalid_argument, f"{path[:200]!r} is not text: {mime_of(path, data)}, {len(data)} bytes")
    offset = int(call.arguments.get("offset", 0))
    part = text[offset : offset + most]
    content: dict[str, Json] = {"text": part}
    if offset + len(part) < len(text):
        content["next_offset"] = offset + len(part)
    return ToolResult(call.id, content)


def tools_of(settings: Settings) -> tuple[ToolSpec, ...]:
    """The three tools."""
    fresh = settings.mode == "stateless"
    memory = "Each call starts a fresh interpreter; only files stay." if fresh else "Variables, imports and files stay from call to call."
    last = (
        "The value of the last expression is shown."
        if settings.mode == "notebook"
        else "Print what you want to see; the last expression is shown too."
    )
    code: dict[str, Any] = {"type": "string", "description": "Python code", "maxLength": 200_000}
    path: dict[str, Any] = {"type": "string", "description": "relative to the scratch folder", "maxLength": 1000}
    offset: dict[str, Any] = {"type": "integer", "minimum": 0, "description": "first character to read"}
    return (
        ToolSpec(
            RUN,
            f"Run Python code in a sandbox without network. The current folder is a private scratch folder. {memory} {last}",
            _object({"code": code}, "code"),
            RETURNS,
            "write",
            {},
            ({"code": "print(2 ** 10)"},),
        ),
        ToolSpec(LIST, "List the files of the scratch folder.", _object({}), None, "read"),
        ToolSpec(READ, "Read a text file of the scratch folder.", _object({"path": path, "offset": offset}, "path"), None, "read"),
    )


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def policy_of(settings: Settings) -> str:
    """What an agent should know of the limits."""
    limits = settings.limits
    memory, disk = limits.memory >> 20, limits.disk >> 20
    return (
        f"Code runs for at most {limits.seconds:g} seconds a call, in {memory} MiB of memory, without network, with at most"
        f" {limits.processes} processes. The scratch folder holds at most {limits.files} files and {disk} MiB. Nothing else can be written."
    )


def problems_of(sandbox: Sandbox) -> list[Problem]:
    """Which protections are off, and which walls were tried before."""
    found = [Problem(f"protection {name}", text) for name, text in sandbox.protections.off.items()]
    found += [Problem("walls that do not work here", reason) for reason in sandbox.refused]
    return found + [Problem("preload", name) for name in sandbox.missing]


def files_of(folder: str, limits: Limits, where: str) -> Files:
    """The files of a folder, which is only read. Links are not followed.

    Raises:
        SourceError: no such folder, or more than a scratch folder holds.
    """
    root = Path(folder)
    if not root.is_dir():
        raise SourceError(f"there is no folder {folder!r}.", where=where, remedy="give template= a folder of files")
    found: Files = {}
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not path.is_file() or any(parent.is_symlink() for parent in path.parents if root in parent.parents):
            continue
        if len(found) >= limits.files or sum(map(len, found.values())) + path.stat().st_size > limits.disk:
            raise SourceError(
                f"{folder!r} has more than {limits.files} files or {limits.disk >> 20} MiB.", where=where, remedy="raise files= or disk= (MiB)"
            )
        found[path.relative_to(root).as_posix()] = path.read_bytes()
    return found
