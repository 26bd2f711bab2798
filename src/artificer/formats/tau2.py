"""Simulations of tau2-bench: its results (one document with `info`, `tasks`, `simulations`), or one simulation a file or line.

A simulation is a trace: calls of the user are the user's, `reward_info` is the verdict of the last leaf,
`termination_reason` the stop reason. What stands in the document for all of them goes to each: the domain is the
world, the policy the system message (what else tau2's agent is told is not recorded there), the task, with what its
user was told and its gold, goes to lineage and is never a message. Costs and times are kept in notes and lineage.

What a simulation has no field for is kept under its free `info.artificer`, so that whole traces come back. Written is
one document that `tau2.data_model.simulation.Results` loads. Simulations in ticks (voice) have no messages and are
named as not read.

Source: sierra-research/tau2-bench, `src/tau2/data_model` (MIT).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.messages import Message
from artificer.core.trace import Trace
from artificer.formats.account import Account
from artificer.formats.base import ALL, Format, Item, toolset_digest
from artificer.formats.holding import one_branch
from artificer.formats.parts import fields, listed
from artificer.formats.parts import node as made_node
from artificer.formats.residue import KEY, beside, extra_events, restored
from artificer.formats.tau2_messages import count as count_messages
from artificer.formats.tau2_messages import nodes_of, records_of
from artificer.formats.tau2_rewards import reason_of, reward_info, stop_of, verdict_of

_KNOWN = frozenset({"id", "task_id", "messages", "termination_reason", "reward_info", "seed", "policy", "info"})
_TIMES: dict[str, Json] = {"timestamp": "", "start_time": "", "end_time": "", "duration": 0.0}
"""What a simulation must have and a trace does not: the times of the machine."""
_UNSAID: tuple[Any, ...] = (None, [], {}, "")
_USUAL: dict[str, Any] = {"mode": "half_duplex", "hallucination_retries_used": 0, **_TIMES}
PREFIX = "tau2:"
"""Of the names of worlds whose domain is tau2's."""


class _Row(msgspec.Struct, frozen=True):
    """A simulation of a document, and what the document says of it."""

    simulation: Any
    task: Any = None
    domain: str = ""
    policy: str = ""
    about: dict[str, Any] = {}


def fits(row: Any) -> float:
    """Simulations with what they ran on, or one simulation."""
    if isinstance(row.get("simulations"), list) and "tasks" in row and isinstance(row.get("info"), dict):
        return 0.99
    return 0.98 if "termination_reason" in row and "task_id" in row and ("messages" in row or "ticks" in row) else 0.0


def opened(document: Any) -> Iterator[tuple[str, Any]]:
    """The simulations of a document."""
    if not isinstance(document, dict) or "simulations" not in document:
        yield "", document
        return
    given = cast("dict[str, Any]", document)
    info = fields(given.get("info"))
    environment = fields(info.get("environment_info"))
    tasks: dict[str, Any] = {_name(task["id"]): task for task in listed(given.get("tasks")) if isinstance(task, dict) and "id" in task}
    domain, policy = _text(environment.get("domain_name")), _text(environment.get("policy"))
    about = _about(info)
    for number, simulation in enumerate(listed(given["simulations"])):
        task: Any = tasks.get(_name(simulation.get("task_id"))) if isinstance(simulation, dict) else None
        yield f"[{number}]", _Row(simulation, task, domain, policy, about)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _about(info: dict[str, Any]) -> dict[str, Any]:
    """Who ran it and how, without the long texts: the policy is a message, what all simulated users are told is left out."""
    kept = {key: value for key, value in info.items() if key != "environment_info" and value not in _UNSAID}
    user = info.get("user_info")
    if isinstance(user, dict):
        kept["user_info"] = {key: value for key, value in cast("dict[str, Any]", user).items() if key != "global_simulation_guidelines"}
    return kept


def _name(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError("an id is text")
    return str(value)


def _parts(row: Any) -> _Row:
    """The simulation of a row; what its document says of it counts only where we did not write it."""
    given = row if isinstance(row, _Row) else _Row(row)
    if not isinstance(given.simulation, dict):
        raise TypeError("a simulation is an object")
    return _Row(given.simulation) if KEY in fields(given.simulation.get("info")) else given


def _policy(given: _Row) -> str:
    found = given.simulation.get("policy")
    if not isinstance(found, str | None):
        raise TypeError("a policy is text")
    return found or given.policy


def count(row: Any) -> int:
    """The events of the messages, the policy, and what was kept beside."""
    given = _parts(row)
    found = count_messages(listed(given.simulation.get("messages"))) + bool(_policy(given))
    return found + extra_events(fields(given.simulation.get("info")).get(KEY))


# reading


def parse(row: Any, account: Account) -> Iterable[Item]:
    """The trace of a simulation."""
    given = _parts(row)
    simulation = given.simulation
    if simulation.get("messages") is None:
        raise ValueError("a simulation in ticks, without messages" if simulation.get("ticks") else "a simulation without messages")
    seen = _seen(given, account)
    kept = fields(simulation.get("info")).get(KEY)
    yield restored(seen, kept, account) if kept else seen


def _seen(given: _Row, account: Account) -> Item:
    simulation: dict[str, Any] = given.simulation
    policy = _policy(given)
    nodes = nodes_of(listed(simulation["messages"]), account, [made_node(-1, Message("system", policy))] if policy else [])
    first = bool(policy)
    said = [node.message for node in nodes[first : first + 2]]
    if [one.role for one in said] == ["assistant", "user"] and not said[0].calls and "usage" not in nodes[first].notes.get("extra", {}):
        nodes[first] = msgspec.structs.replace(nodes[first], sampled=False)  # tau2's agent begins with a fixed greeting
    stop = stop_of(simulation.get("termination_reason"))
    info = simulation.get("reward_info")
    verdict = verdict_of(info) if isinstance(info, dict) else None
    seed, leaf = simulation.get("seed"), len(nodes) - 1
    kept = _kept(simulation, given)
    number = seed if isinstance(seed, int) and not isinstance(seed, bool) else 0
    if seed and not number:
        kept["seed"] = seed
    speaker = nodes[-1].message.role if nodes else ""
    if simulation.get("termination_reason") != reason_of(stop, speaker):
        kept["termination_reason"] = simulation.get("termination_reason")
    if info is not None and (verdict is None or info != reward_info(verdict)):
        kept["reward_info"] = info
    trace = Trace(
        _name(simulation["id"]) if simulation.get("id") is not None else "",
        _name(simulation["task_id"]),
        PREFIX + given.domain if given.domain else "",
        toolset_digest(()),
        tuple(nodes),
        {leaf: verdict} if verdict is not None and nodes else {},
        {leaf: stop} if stop is not None and nodes else {},
        seed=number,
        lineage={"extra": kept} if kept else {},
    )
    return Item(trace)


def _kept(simulation: dict[str, Any], given: _Row) -> dict[str, Any]:
    """What a trace has no place for."""
    kept = {
        key: value for key, value in simulation.items() if key not in _KNOWN and value not in _UNSAID and (key not in _USUAL or value != _USUAL[key])
    }
    info = {key: value for key, value in fields(simulation.get("info")).items() if key != KEY}
    for name, value in (("info", info), ("task", given.task), ("run", given.about)):
        if value:
            kept[name] = value
    return kept


# writing


def render(item: Item, account: Account) -> Iterable[Json]:
    """The simulation of a trace."""
    row = _row(one_branch(item) if item.trace.nodes else item)
    row["info"][KEY] = beside(item, _seen(_Row(row), Account())) or {}
    yield row


def _row(item: Item) -> dict[str, Any]:
    trace = item.trace
    given = trace.lineage.get("extra")
    extra: dict[str, Any] = dict(cast("dict[str, Any]", given)) if isinstance(given, dict) else {}
    nodes, leaf = trace.nodes, len(trace.nodes) - 1
    policy = nodes[0].message.text if nodes and nodes[0].message.role == "system" else ""
    verdict = trace.verdicts.get(leaf)
    info = extra.pop("info", None)
    made: dict[str, Any] = {
        "id": trace.id,
        "task_id": trace.task_id,
        **_TIMES,
        "termination_reason": reason_of(trace.stop.get(leaf), nodes[-1].message.role if nodes else ""),
        "reward_info": reward_info(verdict) if verdict is not None else None,
        "policy": policy or None,
        "messages": records_of(nodes[1:] if policy else nodes),
        "seed": trace.seed or None,
        **{key: value for key, value in extra.items() if key not in ("run", "task", "messages", "policy", "id", "task_id")},
    }
    made["info"] = dict(cast("dict[str, Any]", info)) if isinstance(info, dict) else {}
    return made


class Document:
    """What stands around simulations: the tasks of the traces that have one, and the domain where all have the same."""

    begin = b'{"simulations":[\n'

    def __init__(self) -> None:
        self._tasks: dict[str, Json] = {}
        self._worlds: set[str] = set()
        self._policies: set[str] = set()

    def seen(self, items: Iterable[Item]) -> Iterator[Item]:
        """The traces, as they go by."""
        for item in items:
            kept = item.trace.lineage.get("extra")
            task = cast("dict[str, Any]", kept).get("task") if isinstance(kept, dict) else None
            self._tasks.setdefault(item.trace.task_id, task if isinstance(task, dict) and "user_scenario" in task else _unknown(item.trace.task_id))
            self._worlds.add(item.trace.world)
            first = item.trace.nodes[0].message if item.trace.nodes else None
            self._policies.add(first.text if first is not None and first.role == "system" else "")
            yield item

    def end(self) -> bytes:
        """The rest of the document."""
        world = next(iter(self._worlds)) if len(self._worlds) == 1 else ""
        policy = next(iter(self._policies)) if len(self._policies) == 1 else ""
        nobody: dict[str, Json] = {"implementation": "artificer"}
        info: dict[str, Json] = {
            "git_commit": "",
            "num_trials": 1,
            "max_steps": 0,
            "max_errors": 0,
            "user_info": nobody,
            "agent_info": nobody,
            "environment_info": {"domain_name": world.removeprefix(PREFIX), "policy": policy},
        }
        return b'\n],"tasks":' + msgspec.json.encode(list(self._tasks.values())) + b',"info":' + msgspec.json.encode(info) + b',"timestamp":""}\n'


def _unknown(task_id: str) -> dict[str, Json]:
    """A task of which only the name is known."""
    return {"id": task_id, "user_scenario": {"instructions": ""}}


FORMAT = Format(
    "tau2",
    "tau2-bench's simulations and results",
    fits,
    count,
    parse,
    render,
    ALL,
    ("times of a machine, which traces do not have, are written empty", "what all simulated users of a run were told"),
    opened=opened,
    whole=True,
    frame=Document,
)
