"""Files and folders that people name to be written: nothing that is there is ever overwritten, and a refusal is one message."""

from __future__ import annotations

import os
import shutil
import tempfile
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
        raise taken(error.filename or path) from error
    except OSError as error:
        raise ArtificerError(f"the {what} cannot be written: {error.strerror}", where=str(path), remedy="choose another place") from error


@contextmanager
def whole_folder(path: str | Path) -> Generator[Path]:
    """A folder to fill, which is called `path` once all of it is there; nothing of it is left when something fails before.

    Raises:
        ArtificerError: there is something called so already, or the folder cannot be written.
    """
    target = Path(path)
    if target.exists():
        raise ArtificerError("this folder is there already", where=str(path), remedy="choose another name, or remove it")
    with writing(path, "folder"):
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            yield made
            made.chmod(0o777 & ~_mask())
            os.rename(made, target)
        finally:
            shutil.rmtree(made, ignore_errors=True)


def _mask() -> int:
    mask = os.umask(0o22)
    os.umask(mask)
    return mask
