"""Files that people name to be written: nothing that is there is ever overwritten, and a refusal is one message."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from artificer.core.errors import ArtificerError


def taken(path: str | Path) -> ArtificerError:
    """What is said of a file that is there already."""
    return ArtificerError("this file is there already", where=str(path), remedy="choose another name, or remove it")


@contextmanager
def writing(path: str | Path, what: str = "file") -> Generator[None]:
    """Around the opening (mode `x`) and writing of a file.

    Args:
        what: what people call it.

    Raises:
        ArtificerError: it is there already, or cannot be written.
    """
    try:
        yield
    except FileExistsError as error:
        raise taken(path) from error
    except OSError as error:
        raise ArtificerError(f"the {what} cannot be written: {error.strerror}", where=str(path), remedy="choose another place") from error
