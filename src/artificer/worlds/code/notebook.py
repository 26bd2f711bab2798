"""A notebook: one interpreter that runs cell after cell, and can be had again by playing them.

What an interpreter holds cannot be copied, so a fork, and a notebook whose cell had to be ended, play all cells again
in a fresh one: same seed, same files at the start, and the recorded answers of outside tools. A replay in which a cell
prints something else is refused.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from artificer.core.canon import canonical, digest
from artificer.worlds.code.program import Answer, Lost, Outcome, Program
from artificer.worlds.code.sandbox import Sandbox


class Answered(Struct, frozen=True):
    """A call of an outside tool, and what it gave."""

    name: str
    arguments: dict[str, Any]
    reply: dict[str, Any]


class Cell(Struct, frozen=True):
    """A cell that ran: its code, a digest of what it showed, and what it was answered."""

    code: str
    seen: str
    answers: tuple[Answered, ...] = ()


class Notebook:
    """One interpreter and its history. Nothing is started before the first cell."""

    def __init__(
        self, sandbox: Sandbox, seed: int, began: dict[str, bytes], functions: list[dict[str, Any]] | None = None, cells: tuple[Cell, ...] = ()
    ) -> None:
        self._sandbox = sandbox
        self._seed = seed
        self._began = began
        self._functions = functions or []
        self._program: Program | None = None
        self.cells = cells
        self.files = began

    async def run(self, code: str, answer: Answer | None = None) -> Outcome:
        """Runs the next cell. When it does not finish, the notebook is as before.

        Raises:
            Lost: the sandbox went away, or the cells before did not give the same when played again.
            OSError: nothing can be started.
        """
        answered: list[Answered] = []

        async def recorded(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
            reply = {"error": "unknown_tool"} if answer is None else await answer(name, arguments)
            answered.append(Answered(name, arguments, reply))
            return reply

        try:
            async with self._sandbox.turn():
                program = self._program = self._program or await self._again()
                outcome = await program.run(code, _name(len(self.cells)), keep=True, answer=recorded)
        except BaseException:
            await self.end()
            raise
        if outcome.finished:
            self.cells = (*self.cells, Cell(code, _seen(outcome), tuple(answered)))
            self.files = outcome.files
        else:
            await self.end()
        return outcome

    async def _again(self) -> Program:
        """A fresh interpreter in which all cells have run."""
        program = await self._sandbox.program(self._seed, self._began, self._functions)
        files = self._began
        try:
            for number, cell in enumerate(self.cells):
                outcome = await program.run(cell.code, _name(number), keep=True, answer=_Recorded(cell).answer)
                files = outcome.files
                if not outcome.finished or _seen(outcome) != cell.seen:
                    raise Lost(f"cell {number + 1} does not give the same when it is played again")
            if files != self.files:
                raise Lost("the files are not the same when the cells are played again")
        except BaseException:
            await program.close()
            raise
        return program

    def fork(self) -> Notebook:
        """A notebook with the same history; it plays the cells when it is first used."""
        forked = Notebook(self._sandbox, self._seed, self._began, self._functions, self.cells)
        forked.files = self.files
        return forked

    async def end(self) -> None:
        """Ends the interpreter; the history stays."""
        program, self._program = self._program, None
        if program is not None:
            await program.close()


class _Recorded:
    """Answers a cell's calls as they were answered before."""

    def __init__(self, cell: Cell) -> None:
        self._left = iter(cell.answers)

    async def answer(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        expected = next(self._left, None)
        if expected is None or canonical([expected.name, expected.arguments]) != canonical([name, arguments]):
            raise Lost("a cell calls other tools when it is played again")
        return expected.reply


def _name(before: int) -> str:
    return f"<cell {before + 1}>"


def _seen(outcome: Outcome) -> str:
    return digest(outcome.stdout, outcome.stderr, outcome.result, outcome.error)
