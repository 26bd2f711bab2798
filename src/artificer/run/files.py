"""Files and folders that people name to be written: whole or not at all, never over what is there, and a refusal is one message.

What is being written lies beside its place under a hidden name, so that whatever ends the writing leaves nothing half done.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from artificer.core.errors import ArtificerError

_NAME = 60
"""Letters of a name that its hidden name begins with: names have a longest length."""


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
def whole_file(path: str | Path, what: str = "file", *, over: bool = False) -> Generator[Path]:
    """Where to write a file, which is called `path` once the block has ended well; a block that leaves none there wants none.

    Folders that are missing on the way are made.

    Args:
        what: what people call it.
        over: in the place of a file that is there.

    Raises:
        ArtificerError: there is something called so already, or the file cannot be written.
    """
    target = Path(path)
    if not over and os.path.lexists(target):
        raise taken(path)
    with writing(path, what), _beside(target) as made:
        try:
            yield made
            if made.exists():
                os.replace(made, target) if over else _placed(made, target)
        finally:
            made.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: str | Path) -> Generator[Path]:
    """A folder to fill, which is called `path` once all of it is there; nothing of it is left when something fails before.

    Raises:
        ArtificerError: there is something called so already, or the folder cannot be written.
    """
    target = Path(path)
    if os.path.lexists(target):
        raise ArtificerError("this folder is there already", where=str(path), remedy="choose another name, or remove it")
    with writing(path, "folder"), _beside(target) as made:
        try:
            made.mkdir()
            yield made
            os.rename(made, target)
        finally:
            shutil.rmtree(made, ignore_errors=True)


@contextmanager
def _beside(target: Path) -> Generator[Path]:
    """A hidden name beside a place. Of the folders made for it none is left that stays empty."""
    missing = [folder for folder in target.parents if not folder.exists()]
    try:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:  # a file stands where a folder should
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), error.filename) from error
        yield target.with_name(f".{target.name[:_NAME]}.{secrets.token_hex(4)}")
    finally:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


def _placed(made: Path, target: Path) -> None:
    """Gives a finished file its name, over nothing."""
    try:
        os.link(made, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: the name is taken first
        target.touch(exist_ok=False)
        os.replace(made, target)
