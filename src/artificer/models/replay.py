"""`replay:FILE`: the model of a cassette, as it answered when `record:FILE:MODEL` listened. Nothing is asked over a network.

It bears the recorded model's name, so that traces are the same bytes. What was not recorded is an error that says how the request differs from the
nearest that was.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from artificer.core.errors import ArtificerError
from artificer.models.base import Model, Reply, Request
from artificer.models.cassette import Canon, Cassette, difference

_REMEDY = "record one: record:FILE:MODEL in place of MODEL"


class Replay(Model):
    """See the module docstring.

    Args:
        path: of the cassette.

    Raises:
        ArtificerError: there is none.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise ArtificerError("There is no such cassette.", where=str(path), remedy=_REMEDY)
        self._cassette = Cassette(path)
        if self._cassette.model is None:
            raise ArtificerError("This is no cassette.", where=str(path), remedy=_REMEDY)
        self.name = self._cassette.model
        self.parallel = 64
        self._canon = Canon()
        self._asked: Counter[str] = Counter()

    async def reply(self, request: Request) -> Reply:
        """The recorded answer.

        Raises:
            ArtificerError: there is none.
        """
        asked = self._canon(request)
        n = self._asked[asked.id]
        self._asked[asked.id] += 1
        known = self._cassette.get(asked, n)
        if known is not None:
            return known
        times = self._cassette.count(asked)
        if times:
            what = f"A request is asked {n + 1} times and was recorded {times} times."
            remedy = "replay as many trials as were recorded, or go on recording with record:FILE:MODEL"
        else:
            what = f"A request was not recorded. The nearest differs: {difference(asked, self._cassette)}"
            remedy = "replay with the world, tasks and options of the recording, or go on recording with record:FILE:MODEL"
        raise ArtificerError(what, where=str(self._cassette.path), remedy=remedy)


def open_model(rest: str) -> Replay:
    """`FILE`.

    Raises:
        ArtificerError: it is no cassette.
    """
    return Replay(Path(rest).expanduser())
