"""A model rewords a run's tasks; what it spoils stays as it was, and every trace is still proven."""

from __future__ import annotations

import pytest
from aiohttp import web

from artificer.core.tasks import Task
from artificer.core.trace import Trace
from artificer.recipes.synthesis.cove import Knobs, source, stages
from artificer.run.engine import execute
from artificer.run.store import RunFolder


def said(body: dict) -> str:
    """Rewords three lines in four well; the others lose a fact, leak a number, or are nothing."""
    prompt = body["messages"][-1]["content"]
    line = prompt.split("Text: ", 1)[1].rsplit("\nReworded:", 1)[0]
    kind = len(line) % 8
    if kind == 0:
        return "I want something else entirely, number 4711."
    if kind == 1:
        return ""
    return f"Well. {line}" if not line.lower().startswith(("yes", "yep", "sure", "ok")) else f"{line} Thanks."


@pytest.fixture
async def endpoint():
    async def answer(request: web.Request) -> web.Response:
        text = said(await request.json())
        return web.json_response({"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}], "usage": {}})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    await runner.cleanup()


async def test_a_model_rewords_and_every_trace_is_still_proven(endpoint, tmp_path):
    knobs = Knobs(world="sqlite:chinook", n=20, seed=2, model=f"openai:any@{endpoint}")
    with RunFolder.create_or_continue(tmp_path / "run", {"recipe": "cove"}) as run:
        summary = await execute(stages(knobs), source(knobs), run)
        tasks = [task for _, task in run.read("tasks", Task)]
        traces = [trace for _, trace in run.read("traces", Trace)]
    assert summary["judge"].rejects == {}
    assert len(traces) == len(tasks) == 20
    counts = {reason: sum(task.lineage["reworded"].get(reason, 0) for task in tasks) for task in tasks for reason in task.lineage["reworded"]}
    assert counts["kept"] > 50
    assert counts["empty"] > 5
    assert counts["fact lost"] > 5
    assert sum("Well." in task.prompt for task in tasks) > 8
    assert not any("4711" in line for task in tasks for line in task.goal.script.values())
