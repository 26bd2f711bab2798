"""A trace as ToolBench's search dumps it: `tree`, and what `answer_generation` repeats of the branch that won (OpenBMB/ToolBench,
`toolbench/inference/Algorithms/DFS.py` and `Tree/Tree.py`, `to_json`).

A message of the assistant becomes a Thought (what it thought, and what it said beside), and for each call an Action and an Action Input with what was
observed and its status code. The last words of a branch become the call of `Finish` that the format answers with. Several calls in one message stand
behind each other, as the search would have made them. What users said later has no place in a tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import ErrorKind, StopReason
from artificer.formats.account import Account
from artificer.formats.base import Item
from artificer.formats.parts import arguments_text, bare_tool, extras, result_text

ANSWERED, GAVE_UP = 3, 4
CODES = {
    1: ErrorKind.unknown_tool,
    2: ErrorKind.invalid_argument,
    5: ErrorKind.timeout,
    6: ErrorKind.not_found,
    7: ErrorKind.forbidden,
    8: ErrorKind.forbidden,
    9: ErrorKind.transport,
    10: ErrorKind.transport,
    11: ErrorKind.bad_output,
    12: ErrorKind.transport,
}
"""The source's status codes as kinds of errors. 0 is a success, 3 an answer, 4 giving up."""
STATUS: dict[ErrorKind, int] = {
    ErrorKind.unknown_tool: 1,
    ErrorKind.unparsable_call: 2,
    ErrorKind.missing_argument: 2,
    ErrorKind.extra_argument: 2,
    ErrorKind.mistyped_argument: 2,
    ErrorKind.invalid_argument: 2,
    ErrorKind.constraint: 2,
    ErrorKind.timeout: 5,
    ErrorKind.not_found: 6,
    ErrorKind.forbidden: 7,
    ErrorKind.bad_output: 11,
}
FAILED = 12
"""The code of an error, and that of the kinds which the source does not tell apart: the request failed."""
NODE = frozenset({"children", "node_type", "description", "observation", "io_state", "messages"})
DEPTH = 400
"""Nodes behind each other in a file: readers of JSON follow some thousand levels, and a node is two."""
STEPS, TEXT = 100, 1 << 20
"""Messages, and characters, up to which each step of the branch that won is written with all before it, as the source does; else the branch alone."""
FINISH = ToolSpec(
    "Finish",
    "Ends the attempt: with the answer that the user is given, or by giving up, to begin again.",
    {
        "type": "object",
        "properties": {
            "return_type": {"type": "string", "enum": ["give_answer", "give_up_and_restart"]},
            "final_answer": {"type": "string", "description": 'The answer, where "return_type" is "give_answer".'},
        },
        "required": ["return_type"],
    },
)
BEHIND = "words behind the question that are not the assistant's: they have no place in a tree"
UNASKED = "that nobody asked before the assistant spoke: the query is empty"
TWICE = "results of a call that has one already, or of no call: they have no place in a tree"


def document(item: Item, account: Account) -> dict[str, Any]:
    """The document of a trace.

    Raises:
        ValueError: the tree is deeper than a reader of JSON follows.
    """
    trace = item.trace
    opening = opened_with(trace)
    if opening == 0:
        account.lose(UNASKED)
    tree = _Tree(trace, opening, account)
    kept = extras(trace.lineage, frozenset())
    won = _winner(trace)
    chain = [] if won is None else tree.behind(won)
    asked = [{"role": one.message.role, "content": one.message.text} for one in trace.nodes[:opening]]
    tools = [*item.tools] + ([FINISH] if tree.finished and all(tool.name != "Finish" for tool in item.tools) else [])
    answered = won is not None and trace.stop.get(won) is not StopReason.gave_up
    return {
        "id": trace.id,
        "win": kept.get("win", answered),
        "tree": {"size": tree.size, "max_length": tree.deepest + 1, "tree": tree.root},
        "forward_args": kept.get("search", {}),
        "compare_candidates": [chain] if answered else [],
        "answer_generation": {
            "valid_data": won is not None,
            "query_count": kept.get("query_count", trace.usage.turns),
            "total_tokens": kept.get("total_tokens", trace.usage.tokens_in + trace.usage.tokens_out),
            "final_answer": kept.get("final_answer", tree.at[won]["description"] if won is not None else ""),
            "finish_type": kept.get("finish_type", "give_answer" if answered or won is None else "give_up"),
            "function": [bare_tool(tool) for tool in tools],
            "chain": [],
            "train_messages": _steps(_messages(asked, chain)) if chain else [],
            "query": trace.nodes[opening - 1].message.text if opening else "",
        },
    }


def opened_with(trace: Trace) -> int:
    """How many messages stand before the tree: the system prompt and the question, or the question alone."""
    roles: list[str] = []
    for index, one in enumerate(trace.nodes[:3]):
        if one.parent != (index - 1 if index else None) or one.message.role not in ("system", "user"):
            break
        roles.append(one.message.role)
    return 2 if roles[:2] == ["system", "user"] else 1 if roles[:1] == ["user"] else 0


def _winner(trace: Trace) -> int | None:
    """The leaf that `answer_generation` is of: the first that passed, else the first that gave up, else none."""
    leaves = trace.leaves()
    good = [leaf for leaf in leaves if leaf in trace.verdicts and trace.verdicts[leaf].passed]
    if not good and not trace.verdicts:
        good = [leaf for leaf in leaves if _ended(trace.nodes[leaf].message) and trace.stop.get(leaf) in (None, StopReason.agent_done)]
    return next(iter(good or [leaf for leaf in leaves if trace.stop.get(leaf) is StopReason.gave_up]), None)


def _ended(message: Message) -> bool:
    """Whether a branch may end so: with words of the assistant, or a result."""
    return message.role == "tool" or (message.role == "assistant" and not message.calls)


class _Tree:
    """The tree of a trace. `at` is where each of its messages ends: the node that what follows hangs on."""

    def __init__(self, trace: Trace, opening: int, account: Account) -> None:
        self.root = _node("Action Input", "", 0)
        self.size, self.deepest = 1, 0
        self.finished = False
        self.at: dict[int, dict[str, Any]] = dict.fromkeys(range(-1, opening), self.root)
        self._above: dict[int, dict[str, Any]] = {}
        self._inputs: list[dict[str, Any]] = []
        self._open: dict[int, dict[str, list[dict[str, Any]]]] = {}
        leaves = set(trace.leaves())
        for index in range(opening, len(trace.nodes)):
            self._add(trace, index, index in leaves, account)
        for made in self._inputs:
            made.setdefault("observation", "")

    def behind(self, index: int) -> list[dict[str, Any]]:
        """The nodes from the root's child to where a message ends, without what hangs on them."""
        chain: list[dict[str, Any]] = []
        here: dict[str, Any] | None = self.at[index]
        while here is not None and here is not self.root:
            chain.append({name: value for name, value in here.items() if name != "children"})
            here = self._above.get(id(here))
        return chain[::-1]

    def _add(self, trace: Trace, index: int, leaf: bool, account: Account) -> None:
        one = trace.nodes[index]
        message = one.message
        before = one.parent if one.parent is not None else -1
        here = self.at[before]
        if message.role in ("system", "user"):
            account.lose(BEHIND)
        elif message.role == "tool":
            self._open[index] = self._open.get(before, {})
            self._observe(one, self._open[index], account)
        else:
            here, self._open[index] = self._said(here, one, leaf)
        self.at[index] = here
        if leaf and trace.stop.get(index) in (StopReason.pruned, StopReason.gave_up, StopReason.max_depth) and here is not self.root:
            here["pruned"] = True

    def _said(self, here: dict[str, Any], one: Node, leaf: bool) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
        message, waiting = one.message, dict[str, list[dict[str, Any]]]()
        ends = leaf and not message.calls and message.text != ""
        thought = message.reasoning if ends else "\n".join(part for part in (message.reasoning, message.text) if part)
        if thought or (not message.calls and not ends):
            here = self._hang(here, "Thought", thought or "", extras(one.notes, NODE))
        for call in message.calls:
            here = self._called(here, call)
            waiting.setdefault(call.id, []).append(here)
        if ends:
            self.finished = True
            here = self._called(here, ToolCall("", "Finish", {"return_type": "give_answer", "final_answer": message.text}))
            here |= {"observation": '{"response":"the answer is given"}', "observation_code": ANSWERED, "is_terminal": True}
        return here, waiting

    def _called(self, here: dict[str, Any], call: ToolCall) -> dict[str, Any]:
        action = self._hang(here, "Action", call.name, {})
        self._inputs.append(self._hang(action, "Action Input", arguments_text(call), {}))
        return self._inputs[-1]

    def _observe(self, one: Node, waiting: dict[str, list[dict[str, Any]]], account: Account) -> None:
        result = one.message.result
        asked = waiting.get(result.call_id, []) if result is not None else []
        free = next((found for found in asked if "observation" not in found), None)
        if result is None or free is None:
            account.lose(TWICE)
            return
        free |= extras(one.notes, NODE) | {"depth": free["depth"], "child_count": free["child_count"]}
        free["observation"] = (result.detail or "") if result.error is not None else result_text(result)
        code = _code(result, free)
        if code is not None:
            free["observation_code"] = code

    def _hang(self, here: dict[str, Any], kind: str, words: str, kept: dict[str, Any]) -> dict[str, Any]:
        made = _node(kind, words, here["depth"] + 1) | {name: kept[name] for name in ("pruned", "Elo") if name in kept}
        if made["depth"] > DEPTH:
            raise ValueError(f"a tree of more than {DEPTH} thoughts and actions behind each other")
        here["children"].append(made)
        here["child_count"] += 1
        self._above[id(made)] = here
        self.size, self.deepest = self.size + 1, max(self.deepest, made["depth"])
        return made


def _node(kind: str, words: str, depth: int) -> dict[str, Any]:
    return {
        "is_terminal": False,
        "pruned": False,
        "finished": False,
        "depth": depth,
        "node_type": kind,
        "description": words,
        "Elo": 1000.0,
        "child_count": 0,
        "expand_num": 0,
        "children": [],
    }


def _code(result: ToolResult, one: dict[str, Any]) -> int | None:
    """The status code: the source's own where it says the same, else that of the kind of error. Of `Finish` it says how the attempt ended."""
    own = one.get("observation_code")
    if isinstance(own, int) and CODES.get(own) is result.error:
        return own
    return STATUS.get(result.error, FAILED) if result.error is not None else 0


def _messages(opening: list[dict[str, Any]], chain: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A chain of nodes as messages in OpenAI's old form, one call a message. A thought is a message before: the source has it there or beside
    the call, and what prepares its training reads it there alone (`preprocess/preprocess_toolllama_data.py`).
    """
    made, action = opening, ""
    for one in chain:
        if one["node_type"] == "Action":
            action = one["description"]
        elif one["node_type"] == "Thought":
            made.append({"role": "assistant", "content": one["description"]})
        else:
            made.append({"role": "assistant", "content": None, "function_call": {"name": action, "arguments": one["description"]}})
            made.append({"role": "function", "name": action, "content": one.get("observation", "")})
    return made


def _steps(messages: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Each step with all before it, the last with what was observed unless it ended the attempt; of long branches the whole alone."""
    whole = list(messages)
    if len(whole) > 1 and whole[-2].get("function_call", {}).get("name") == "Finish":
        whole.pop()
    ends = [at for at, one in enumerate(whole[:-1]) if "function_call" in one]
    short = len(whole) <= STEPS and sum(len(str(one.get("content"))) + len(str(one.get("function_call"))) for one in whole) <= TEXT
    return [*([whole[: end + 1] for end in ends] if short else []), whole]
