"""An exception on its way from a worker to the process that started the run: the same one error there as here."""

from __future__ import annotations

import traceback

from msgspec import Struct

from artificer.core import errors
from artificer.core.errors import ArtificerError
from artificer.run.chain import RowFailed


class Failure(Struct, frozen=True, tag="failure"):
    """Worker to parent: the row, or (with id -1) entering the builders, raised. `kind` names the exception's type;
    `parts` are its arguments.
    """

    id: int
    kind: str
    parts: tuple[str | None, ...]
    trace: str


def failure_of(number: int, error: BaseException) -> Failure:
    """What a worker says of an exception."""
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, ArtificerError):
        builtin = next(kind for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
        return Failure(number, builtin.__name__, (error.what, error.where, error.remedy), trace)
    if isinstance(error, RowFailed):
        return Failure(number, "RowFailed", (error.stage, error.key, error.what), trace)
    return Failure(number, "", (f"{type(error).__name__}: {error}",), trace)


def raised(failure: Failure) -> Exception:
    """The worker's exception, as it would have been raised here; a foreign one's traceback is its note."""
    if failure.kind == "RowFailed":
        error: Exception = RowFailed(*(part or "" for part in failure.parts))
        error.add_note(failure.trace)
        return error
    kind = getattr(errors, failure.kind, None)
    if isinstance(kind, type) and issubclass(kind, ArtificerError):
        error = kind.__new__(kind)
        ArtificerError.__init__(error, failure.parts[0] or "", where=failure.parts[1], remedy=failure.parts[2])
        return error
    error = RuntimeError(f"a worker could not start: {failure.parts[0]}")
    error.add_note(failure.trace)
    return error
