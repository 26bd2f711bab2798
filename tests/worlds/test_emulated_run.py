"""A whole run whose tools a model plays behind an endpoint, in two processes; then verified from the records, with nobody to ask."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from pathlib import Path

import pytest
from aiohttp import web

from artificer.api import synth, verify
from artificer.worlds.emulated import EmulatedWorld
from artificer.worlds.emulated.consistency import answer_of
from artificer.worlds.emulated.files import read_material
from artificer.worlds.emulated.offline import Situation

SHOP = Path(__file__).parents[2] / "examples" / "emulated_shop.toml"
PARTS = re.compile(r"Stored state:\n(.*?)\n\n.*The call:\n(.*)", re.DOTALL)


class Endpoint(threading.Thread):
    """A chat endpoint that plays tools from what its prompt says and nothing else."""

    def __init__(self):
        super().__init__(daemon=True)
        self.asked = 0
        self.ready = threading.Event()
        self.player = EmulatedWorld(read_material(SHOP), "emulated:endpoint")
        self.loop = asyncio.new_event_loop()

    async def answer(self, request):
        self.asked += 1
        body = await request.json()
        state, call = map(json.loads, PARTS.search(body["messages"][1]["content"]).groups())
        plan = self.player.plans.plans[call["name"]]
        outcome = self.player.offline.play(plan, call["arguments"], Situation(state, frozenset(), 0))
        return web.json_response({"choices": [{"message": {"role": "assistant", "content": json.dumps(answer_of(plan, outcome))}}]})

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.serve())

    async def serve(self):
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.base = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        self.over = asyncio.Event()
        self.ready.set()
        await self.over.wait()
        await runner.cleanup()

    def end(self):
        self.loop.call_soon_threadsafe(self.over.set)
        self.join()
        self.loop.close()


@pytest.mark.parametrize("engine", ["local", "processes:2"])
def test_a_run_with_a_model_is_verified_without_it(tmp_path, engine):
    endpoint = Endpoint()
    endpoint.start()
    assert endpoint.ready.wait(10)
    options = {"model": f"openai:any@{endpoint.base}", "rows": "6", "records": str(tmp_path / "records.jsonl")}
    try:
        summary = synth("cove", out=tmp_path / "run", engine=engine, world=f"emulated:{SHOP}", options=options, n=8, seed=3)
    finally:
        endpoint.end()
    assert summary.stages[-1].rows_out >= 6
    assert endpoint.asked > 20
    proof = verify(tmp_path / "run")
    assert (proof.proven, proof.refuted) == (summary.stages[-1].rows_out, ())
    silent = {"rows": "6", "records": options["records"]}
    assert verify(tmp_path / "run", world=f"emulated:{SHOP}", options=silent).holds
