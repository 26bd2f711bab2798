"""`record:FILE:MODEL` asks a model and keeps what it answers; `replay:FILE` then answers without it.

What the file holds already is answered from it. So a run that is continued, or done again, pays for nothing twice.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from artificer.core.errors import ArtificerError
from artificer.models.base import Model, Reply, Request, Spent
from artificer.models.cassette import Canon, Cassette


class Recording(Model):
    """See the module docstring.

    Args:
        model: who answers.
        path: where it is kept.

    Raises:
        ArtificerError: the file is no cassette, or another model's.
    """

    def __init__(self, model: Model, path: Path) -> None:
        self.name = model.name
        self.parallel = model.parallel
        self.model = model
        self._cassette = Cassette(path)
        if self._cassette.model not in (None, model.name):
            raise ArtificerError(
                f"The cassette is of {self._cassette.model!r}, not of {model.name!r}.", where=str(path), remedy="use a file of its own for each model"
            )
        self._canon = Canon()
        self._asked: Counter[str] = Counter()

    async def reply(self, request: Request) -> Reply:
        asked = self._canon(request)
        n = self._asked[asked.id]
        self._asked[asked.id] += 1
        known = self._cassette.get(asked, n)
        return self._cassette.put(self.name, asked, n, await self.model.reply(request)) if known is None else known

    @property
    def spent(self) -> Spent | None:
        return self.model.spent

    async def close(self) -> None:
        self._cassette.close()
        await self.model.close()


def open_model(rest: str) -> Recording:
    """`FILE:MODEL`.

    Raises:
        ArtificerError: there is no model string behind the file, or the model or the file cannot be used.
    """
    file, colon, text = rest.partition(":")
    if not file or not colon or not text:
        raise ArtificerError(
            f"{'record:' + rest!r} names no file and model.", remedy="write record:FILE:MODEL, e.g. record:run.jsonl:openai:NAME@URL"
        )
    return Recording(Model.of(text), Path(file).expanduser())
