"""The command line: one thin file a command, loaded when it is named.

Commands parse and print; what they do is in `artificer.api`, so that everything can be done in Python too. Exit codes: 0 done; 1 a mistake of the
user's, or something refuted; 2 the command line itself was wrong; 75 out of budget or time; 130 interrupted (`cli.stopped`
says of what something is kept).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    Args:
        arguments: without the program's name; those of the process when None.
    """
    typed = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(typed)
    except KeyboardInterrupt:  # while this or that is still being imported, too
        from artificer.cli.stopped import interrupted

        sys.stderr.write(f"artificer: {interrupted(typed)}\n")
        return 130


def _run(typed: list[str]) -> int:
    from cyclopts import CycloptsError

    from artificer.cli.app import app, told_whole
    from artificer.cli.show import complain
    from artificer.core.errors import ArtificerError

    _never_fail_on_odd_characters()
    try:
        told_whole(typed)
        code = app(
            typed,
            result_action="return_value",
            exit_on_error=False,
            print_error=False,
        )
        sys.stdout.flush()
    except CycloptsError as error:
        complain(f"{error}\n  do:    artificer {' '.join([*(error.command_chain or ()), '--help'])}")
        return 2
    except ArtificerError as error:
        complain(str(error))
        return 1
    except BrokenPipeError:  # whoever read our output has gone: `artificer tools ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code if isinstance(code, int) else 0


def _never_fail_on_odd_characters() -> None:
    """What comes from databases and models may not fit the terminal's encoding."""
    import io

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
