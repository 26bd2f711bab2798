"""The simulator audit on planted faults: whose fault does it find, and whose was it?

    python benchmarks/audit.py [--json FILE] [--n 40] [--seeds 7 11]

Tasks are made in a shop and in a music store's database. Each is played by the scripted user and the scripted oracle,
of whom one makes one kind of fault; what fails is audited. Rules were written against the first seed; the other is held
out. Prints a confusion table (whose fault was planted, whose was found), by seed, and the misjudged kinds. Runs that
pass in spite of the fault are not failures and are only counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

import msgspec

import artificer
from artificer.agents.base import Agent, View
from artificer.agents.users.goal import GoalUser, asked_in
from artificer.agents.users.modifiers import Modifier, again
from artificer.checks.confirmed import asks
from artificer.checks.suite import by_name
from artificer.core.canon import rng
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Task
from artificer.core.verdicts import ErrorKind
from artificer.models.base import Reply
from artificer.rollout.audit import Offered, audit_trace
from artificer.rollout.episode import play
from artificer.rollout.line import Limits
from artificer.rollout.parties import agent_maker
from artificer.rollout.replay import judged
from artificer.run.store import RunFolder
from artificer.worlds.base import World

WORLDS = ("domain:retail", "sqlite:chinook")


# users with one fault each


class Faulty(Modifier):
    """The scripted user with a fault. `fired`: whether it came up."""

    fired = False

    def __init__(self, task: Task, chance: Random):
        super().__init__(GoalUser(task.goal, rng("user", task.id, 0)), task.goal, chance, 1.0)
        self.task = task
        self.turns = 0

    async def speak(self, view: View):
        self.turns += 1
        return await super().speak(view)

    def asked(self, view: View) -> bool:
        return bool(view.messages) and bool(asked_in(view.messages[-1].text)) and not asks(view.messages[-1].text)

    def fires(self, text: str, said):
        self.fired = True
        return again(said.whole, text) or Message("user", text)


class StaysWrong(Faulty):
    """Answers with a wrong value and never puts it right."""

    def change(self, view, said):
        wrong = self.wrong(said.text) if self.asked(view) else None
        return self.fires(wrong, said) if wrong else said.whole


class Withholds(Faulty):
    def change(self, view, said):
        return self.fires("That is all I know.", said) if self.asked(view) else said.whole


class Leaves(Faulty):
    """Ends at its third turn."""

    def change(self, view, said):
        if self.turns > 2 and said.whole is not None:
            self.fired = True
            return None
        return said.whole


class Leaks(Faulty):
    """Names the row's id at once."""

    def change(self, view, said):
        ids = [key for effect in self.goal.effects if not effect.generated for key in effect.key[:1]]
        return self.fires(f"{said.text} Its id is {ids[0]}.", said) if not view.messages and ids else said.whole


class Agentlike(Faulty):
    def change(self, view, said):
        return self.fires("How can I help you today?", said) if self.turns > 1 and said.whole is not None else said.whole


class SaysNo(Faulty):
    """Says no when asked for leave to do what it wants."""

    def change(self, view, said):
        return self.fires("No.", said) if view.messages and asks(view.messages[-1].text) else said.whole


class Repeats(Faulty):
    first = ""

    def change(self, view, said):
        self.first = self.first or said.text
        return self.fires(self.first, said) if self.turns > 1 else said.whole


class Invents(Faulty):
    """Answers questions with things it made up."""

    def change(self, view, said):
        made = f"It is {self.rng.choice(('ZK-40817', 'QX-77120', 'WW-31415'))}, for {self.rng.randrange(700, 9000)}.37, as I said."
        return self.fires(made, said) if self.asked(view) else said.whole


class Silent(Faulty):
    def change(self, view, said):
        return self.fires("", said) if self.turns > 1 and said.whole is not None else said.whole


class Gone(Faulty):
    def change(self, view, said):
        if self.turns < 2 or said.whole is None:
            return said.whole
        self.fired = True
        return Reply(Message("user"), error=ErrorKind.transport)


class TellsItsBrief(Faulty):
    def change(self, view, said):
        return self.fires("As a simulated user, my brief says that I may end now. ###STOP###", said) if self.asked(view) else said.whole


class ForgetsWants(Faulty):
    """Ends after the first want."""

    def change(self, view, said):
        opens = {line for key, line in self.goal.script.items() if key.startswith("open:") and key != "open:0"}
        if said.whole is not None and view.messages and any(line in said.text for line in opens):
            self.fired = True
            return None
        return said.whole


# agents with one fault each


class Bad(Agent):
    """The oracle with a fault."""

    fired = False

    def __init__(self, inner: Agent, task: Task, world: World, chance: Random):
        self.inner = inner
        self.task = task
        self.chance = chance
        self.writes = {tool.name for tool in world.tools if tool.effect == "write"}
        self.dead = False
        self.calls = 0

    async def act(self, view: View):
        if self.dead:
            return self.after(view)
        message = await self.inner.act(view)
        return self.bend(view, message)

    def after(self, view):
        return Message("assistant", "Done. Anything else?", author="bad")

    def bend(self, view, message):
        raise NotImplementedError

    def stop(self, message):
        self.fired = self.dead = True
        return message

    def write(self, message):
        return next((call for call in message.calls if call.name in self.writes), None)

    def say(self, text):
        return Message("assistant", text, author="bad")

    def question(self, message):
        return not message.calls and bool(asked_in(message.text)) and not asks(message.text)


class GuessesValue(Bad):
    """Writes a value that nobody said."""

    def bend(self, view, message):
        call = self.write(message)
        if call is None or self.fired:
            return message
        wrong = bent(call.arguments, self.chance)
        if wrong is None:
            return message
        self.fired = True
        return msgspec.structs.replace(message, calls=(ToolCall(call.id, call.name, wrong),))


class AsksNoLeave(Bad):
    """Writes without asking."""

    async def act(self, view):
        message = await self.inner.act(view)
        if not message.calls and asks(message.text):
            self.fired = True
            return await self.inner.act(msgspec.structs.replace(view, messages=[*view.messages, message, Message("user", "Yes.")]))
        return message


class ClaimsIt(Bad):
    """Says that it is done, and does nothing."""

    def bend(self, view, message):
        return self.stop(self.say("Done. Anything else?")) if self.write(message) else message


class WritesAgain(Bad):
    """After a write, another one that nobody asked for."""

    pending = None

    def bend(self, view, message):
        call = self.write(message)
        if self.pending is not None and view.messages[-1].result is not None and view.messages[-1].result.error is None:
            wrong = bent(self.pending.arguments, self.chance)
            name, self.pending = self.pending.name, None
            if wrong is not None:
                return self.stop(Message("assistant", calls=(ToolCall("x1", name, wrong),), author="bad"))
        if call is not None:
            self.pending = call
        return message


class TellsNothing(Bad):
    def bend(self, view, message):
        tells = any(want.tell for want in self.task.goal.wants)
        if message.calls or asked_in(message.text) or not tells:
            return message
        self.fired = True
        return self.say("I have dealt with it. Anything else?")


class GivesUp(Bad):
    def bend(self, view, message):
        return self.stop(self.say("I am sorry, I cannot do that. Anything else?")) if self.question(message) else message


class NeverAsks(Bad):
    def bend(self, view, message):
        return self.stop(self.say("All right, done. Anything else?")) if self.question(message) else message


class Loops(Bad):
    """Makes the same call for ever."""

    last = None

    def bend(self, view, message):
        self.last = message.calls[0] if message.calls else self.last
        return self.stop(self.after(view)) if self.last and self.write(message) else message

    def after(self, view):
        self.calls += 1
        read = next((call for one in view.messages for call in one.calls if call.name not in self.writes), None)
        call = read or self.last
        return Message("assistant", calls=(ToolCall(f"l{self.calls}", call.name, call.arguments),), author="bad")


class SaysNothing(Bad):
    def bend(self, view, message):
        return self.stop(self.say("")) if self.write(message) else message

    def after(self, view):
        return self.say("")


class Breaks(Bad):
    def bend(self, view, message):
        if not self.write(message):
            return message
        self.fired = True
        return Reply(Message("assistant"), error=ErrorKind.transport)


class CallsNonsense(Bad):
    """Calls a tool that does not exist, again and again."""

    def bend(self, view, message):
        return self.stop(self.after(view)) if self.write(message) else message

    def after(self, view):
        self.calls += 1
        return Message("assistant", calls=(ToolCall(f"n{self.calls}", "do_it_now", {"n": self.calls}),), author="bad")


class Stammers(Bad):
    """Writes calls that cannot be read."""

    def bend(self, view, message):
        return self.stop(self.after(view)) if self.write(message) else message

    def after(self, view):
        return Reply(self.say('<tool_call>{"name": '), error=ErrorKind.unparsable_call, detail="no JSON")


class WrongRow(Bad):
    """Writes to another row that a tool showed."""

    def bend(self, view, message):
        call = self.write(message)
        if call is None or self.fired:
            return message
        for name, value in call.arguments.items():
            others = [found for one in view.messages if one.result is not None for found in values_of(one.result.content, name) if found != value]
            if name.endswith("_id") and others:
                self.fired = True
                changed = call.arguments | {name: self.chance.choice(others)}
                return msgspec.structs.replace(message, calls=(ToolCall(call.id, call.name, changed),))
        return message


def values_of(content, name):
    if isinstance(content, dict):
        for key, value in content.items():
            if key == name and isinstance(value, (int, str)):
                yield value
            yield from values_of(value, name)
    elif isinstance(content, list):
        for value in content:
            yield from values_of(value, name)


def bent(arguments, chance):
    """Arguments with one value (no id) changed to something else of its kind."""
    for name, value in arguments.items():
        if name.endswith("_id") or isinstance(value, bool):
            continue
        if isinstance(value, (int, float)):
            return arguments | {name: value + 3}
        if isinstance(value, str) and value.isalpha() and len(value) > 3 and "_" not in value:
            return arguments | {name: value + "son"}
        if isinstance(value, dict):
            inner = bent(value, chance)
            if inner is not None:
                return arguments | {name: inner}
    return None


USERS = (StaysWrong, Withholds, Leaves, Leaks, Agentlike, SaysNo, Repeats, Invents, Silent, Gone, TellsItsBrief, ForgetsWants)
AGENTS = (
    GuessesValue,
    AsksNoLeave,
    ClaimsIt,
    WritesAgain,
    TellsNothing,
    GivesUp,
    NeverAsks,
    Loops,
    SaysNothing,
    Breaks,
    CallsNonsense,
    Stammers,
    WrongRow,
)


async def tasks_of(source, n, seed, place):
    artificer.synth("cove", world=source, n=n, seed=seed, out=place)
    with RunFolder.open(place) as run:
        return [task for _, task in run.read("tasks", Task, ordered=True)]


async def one(task, world, oracle, kind, offered):
    """Plays a task with a fault; the kind's outcome."""
    parties = {}

    def user(task, trial):
        made = GoalUser(task.goal, rng("user", task.id, trial)) if kind not in USERS else kind(task, rng("fault", task.id, kind.__name__))
        return parties.setdefault("user", made)

    def agent(task, world, trial):
        inner = oracle(task, world, trial)
        return parties.setdefault("agent", inner if kind not in AGENTS else kind(inner, task, world, rng("fault", task.id, kind.__name__)))

    trace = await play(task, world, agent, user, limits=Limits(turns=40, calls=40))
    trace = await judged(task, world, trace, by_name(task.checks))
    fired = kind is None or parties["user" if kind in USERS else "agent"].fired
    if not fired:
        return "unused", None, trace
    if trace.passed:
        return "passed", None, trace
    return "failed", audit_trace(task, trace, offered), trace


async def lane(source, n, seed, place, tally, wrong, show):
    tasks = await asyncio.to_thread(lambda: asyncio.run(tasks_of(source, n, seed, place)))
    world = World.of(source)
    offered = Offered(tuple(world.tools), world.policy, tuple(world.user_tools))
    oracle = agent_maker("scripted:oracle", world.guide)
    spent = 0.0
    for kind in (None, *USERS, *AGENTS):
        planted = "nobody" if kind is None else "user" if kind in USERS else "agent"
        for task in tasks:
            outcome, blame, trace = await one(task, world, oracle, kind, offered)
            if outcome != "failed":
                tally[planted, outcome] += 1
                continue
            began = time.process_time()
            audit_trace(task, trace, offered)
            spent += time.process_time() - began
            tally["seconds"] += time.process_time() - began
            tally["audits"] += 1
            tally[planted, blame.label] += 1
            tally["kind", kind.__name__ if kind else "none", planted, blame.label] += 1
            if blame.label != planted:
                wrong[kind.__name__ if kind else "none"].append((source, task.id, blame, trace))
    # a world whose tools do not work
    source_broken = f"{source} | faults:rate=1,permanent=1,kinds=server" if source.startswith("domain") else None
    if source_broken:
        broken = World.of(source_broken)
        shaky = agent_maker("scripted:oracle", broken.guide)
        for task in tasks:
            outcome, blame, trace = await one(task, broken, shaky, None, offered)
            tally["world", blame.label if blame else outcome] += 1
        await broken.close()
    await world.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--n", type=int, default=40, help="tasks of each world and seed")
    parser.add_argument("--seeds", type=int, nargs="*", default=[7, 11])
    parser.add_argument("--show", type=int, default=0, help="print so many misjudged conversations of each kind")
    arguments = parser.parse_args()
    result = {"python": platform.python_version(), "tasks_of_each_world": arguments.n, "worlds": list(WORLDS), "seeds": {}}
    for seed in arguments.seeds:
        tally, wrong = Counter(), {kind.__name__: [] for kind in (*USERS, *AGENTS)} | {"none": []}
        with tempfile.TemporaryDirectory(prefix="artificer-audit-") as place:
            for at, source in enumerate(WORLDS):
                asyncio.run(lane(source, arguments.n, seed, f"{place}/{at}", tally, wrong, arguments.show))
        result["seeds"][seed] = report(seed, tally, wrong, arguments.show)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


def report(seed, tally, wrong, show):
    labels = ("user", "agent", "both", "world", "undecided", "passed", "unused")
    print(f"\nseed {seed}\n{'planted':8} " + " ".join(f"{label:>10}" for label in labels))
    table = {side: {label: tally[side, label] for label in labels} for side in ("user", "agent", "world", "nobody")}
    for side, row in table.items():
        print(f"{side:8} " + " ".join(f"{row[label]:10}" for label in labels))
    kinds = {}
    for (_, kind, planted, label), number in sorted((key, n) for key, n in tally.items() if isinstance(key, tuple) and key[0] == "kind"):
        kinds.setdefault(f"{planted}: {kind}", {})[label] = number
    for kind, row in kinds.items():
        print(f"  {kind:24} {row}")
    for kind, found in wrong.items():
        for source, task, blame, trace in found[:show]:
            print(f"\n--- {kind} {source} {task}: {blame.label}")
            for fault in blame.faults:
                print("   ", fault.side, fault.kind, fault.cause, fault.at, fault.evidence[:150])
            for at, node in enumerate(trace.nodes):
                message = node.message
                print(
                    "     ",
                    at,
                    message.role,
                    message.text[:140],
                    [f"{call.name}({call.arguments})"[:120] for call in message.calls],
                    str(message.result)[:120] if message.result else "",
                )
            print("   ", [part.name for part in next(iter(trace.verdicts.values())).parts if not part.passed], list(trace.stop.values()))
    decided = sum(row[label] for side, row in table.items() if side in ("user", "agent") for label in labels[:5])
    right = table["user"]["user"] + table["agent"]["agent"]
    figures = {
        "confusion": table,
        "kinds": kinds,
        "right": right,
        "failed": decided,
        "accuracy": round(right / max(decided, 1), 4),
        "cpu_ms_an_audit": round(1000 * tally["seconds"] / max(tally["audits"], 1), 2),
    }
    print(f"right: {right} of {decided} ({figures['accuracy']:.1%}); {figures['cpu_ms_an_audit']} ms of CPU an audit")
    return figures


if __name__ == "__main__":
    sys.exit(main())
