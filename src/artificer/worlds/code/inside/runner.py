"""Runs cells of a program in one namespace: output as it comes, the last expression's value, errors as text.

Calls of outside tools go down the line as frames and come back as values; an error comes back as `ToolError`.
"""

from __future__ import annotations

import ast
import atexit
import builtins
import json
import linecache
import socket
import sys
import threading
import traceback
import types
from collections.abc import Callable
from typing import Any

from .wire import Inbox, pack

_LONGEST = 1 << 20
_FRAMES = 12


class ToolError(Exception):
    """What a tool refused: `kind` names the sort of error."""

    __module__ = "builtins"  # so that tracebacks name it alone

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


class Bridge:
    """The line to the supervisor: cells come down it, calls of outside tools go up."""

    def __init__(self, line: socket.socket, inbox: Inbox) -> None:
        self._line = line
        self._inbox = inbox
        self._turn = threading.Lock()

    def next(self) -> dict[str, Any] | None:
        """The next frame; None when the line is closed."""
        while (frame := self._inbox.take()) is None:
            data = self._line.recv(1 << 18)
            if not data:
                return None
            self._inbox.feed(data)
        return frame[0]

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """Calls an outside tool.

        Raises:
            ToolError: it refused.
            TypeError: the arguments are not JSON.
        """
        json.dumps(arguments)
        with self._turn:
            self._line.sendall(pack({"call": name, "arguments": arguments}))
            answer = self.next()
        if answer is None:
            raise ToolError("transport", "no answer")
        if answer.get("error"):
            raise ToolError(str(answer["error"]), str(answer.get("detail") or ""))
        return answer.get("content")

    def functions(self, offered: list[dict[str, Any]]) -> dict[str, Any]:
        """The outside tools as plain functions, and `ToolError`."""
        found = {str(tool["function"]): self._function(tool) for tool in offered}
        return {**found, "ToolError": ToolError} if offered else {}

    def _function(self, tool: dict[str, Any]) -> Callable[..., Any]:
        def function(*values: Any, **named: Any) -> Any:
            names: list[str] = tool["parameters"]
            if len(values) > len(names):
                raise TypeError(f"{tool['function']}() takes at most {len(names)} arguments, got {len(values)}")
            arguments = dict(zip(names, values))
            twice = sorted(arguments.keys() & named.keys())
            if twice:
                raise TypeError(f"{tool['function']}() got two values for {twice[0]!r}")
            return self.call(str(tool["name"]), arguments | named)

        function.__name__ = function.__qualname__ = str(tool["function"])
        function.__doc__ = str(tool["doc"])
        function.__module__ = "__main__"
        return function


class Cells:
    """One namespace, and the cells that run in it."""

    def __init__(self, module: types.ModuleType, output: int) -> None:
        self._module = module
        self._output = output
        self._shown = 0
        vars(module)["__builtins__"] = builtins
        vars(module)["display"] = self._display

    def run(self, code: str, name: str, *, last: bool) -> dict[str, Any]:
        """Runs one cell: `{"result", "error"}`, each a text or None. `last`: the interpreter ends after it."""
        lines = code.splitlines(keepends=True)
        linecache.cache[name] = (len(code), None, lines, name)
        result, error = None, None
        try:
            value = self._execute(code, name)
            result = None if value is None else self._short(repr(value))
            self._figures()
            if last:
                threading._shutdown()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
                atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType]
        except SystemExit as ended:
            error = None if ended.code in (None, 0) else self._short(f"SystemExit: {ended.code}")
        except BaseException as raised:  # the boundary: whatever a program raises is its answer
            error = self._trace(raised)
        for stream in {id(stream): stream for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)}.values():
            try:
                if stream is not None:
                    stream.flush()
            except BaseException:  # a program may have put anything there
                continue
        return {"result": result, "error": error}

    def _execute(self, code: str, name: str) -> Any:
        tree = ast.parse(code, name)
        last = tree.body[-1] if tree.body else None
        if not isinstance(last, ast.Expr):
            exec(compile(tree, name, "exec"), vars(self._module))
            return None
        del tree.body[-1]
        exec(compile(tree, name, "exec"), vars(self._module))
        return eval(compile(ast.Expression(last.value), name, "eval"), vars(self._module))

    def _short(self, text: str) -> str:
        return text if len(text) <= self._output else f"{text[: self._output]}... [{len(text) - self._output} characters left out]"

    def _trace(self, raised: BaseException) -> str:
        """The traceback without our own frames."""
        try:
            at = raised.__traceback__
            while at is not None and at.tb_frame.f_code.co_filename == __file__:
                at = at.tb_next
            lines = traceback.format_exception(type(raised), raised, at, limit=-_FRAMES)
            own = f'  File "{__file__}"'
            return self._short("".join(line for line in lines if not line.startswith(own)).rstrip())
        except BaseException:  # its own str() may raise anything
            return f"{type(raised).__name__}"

    def _display(self, *things: Any) -> None:
        """Shows things: pictures become files, everything else is printed."""
        for thing in things:
            self._shown += 1
            path = f"display-{self._shown}.png"
            if hasattr(thing, "_repr_png_"):
                data = thing._repr_png_()
                if isinstance(data, bytes):
                    with open(path, "wb") as file:
                        file.write(data)
            elif hasattr(thing, "savefig"):
                thing.savefig(path)
            elif hasattr(thing, "save") and hasattr(thing, "size") and hasattr(thing, "mode"):  # a PIL image
                thing.save(path)
            else:
                self._shown -= 1
                print(thing)

    def _figures(self) -> None:
        """What matplotlib still holds open is shown, then closed, as notebooks do."""
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None:
            for number in pyplot.get_fignums():
                self._display(pyplot.figure(number))
            pyplot.close("all")
