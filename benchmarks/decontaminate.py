"""How much of what is planted decontamination finds, and what it takes for contamination that is none.

    python benchmarks/decontaminate.py [--rows 300] [--site FOLDER ...] [--json FILE]

Rows of BFCL, tau2-bench and AgentDojo, read from their packages (in `--site`, or installed), are planted as copies, with changed case and
punctuation, in longer talk, with words replaced, with other names and numbers, and with other words around the same calls: recall by kind. Clean
rows are our own synthesised ones, rows of the other suites, and requests of our own wording with other values on the suites' own tools: false
positives. BFCL's categories against each other show real overlap. CPU time of one core.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import msgspec

from artificer.core.canon import rng
from artificer.core.messages import Message, ToolCall
from artificer.core.trace import Node
from artificer.curation.contamination.index import KINDS, Bounds, Index
from artificer.curation.suites import suite
from artificer.formats.base import Item

SUITES = ("bfcl", "tau2", "agentdojo")
NAMES = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Gum", "Hazel", "Ivy", "Juniper")
PAIRS = {"find": "locate", "get": "fetch", "the": "that", "calculate": "work out", "what": "which", "want": "wish", "is": "would be", "a": "one"}
TALK = "Hello, I hope that you are well today. Before we begin: my morning was long and I have only little time for this. "


def again(item, text=lambda one: one, call=lambda one: one):
    """A row with other texts of users and other calls; a call of None goes."""
    nodes = []
    for node in item.trace.nodes:
        message = node.message
        calls = tuple(made for one in message.calls if (made := call(one)) is not None)
        said = text(message.text) if message.role == "user" and message.text else message.text
        if said or calls:
            nodes.append(Node(len(nodes) - 1 if nodes else None, msgspec.structs.replace(message, content=said, calls=calls)))
    return Item(msgspec.structs.replace(item.trace, nodes=tuple(nodes)), item.tools)


def none(_):
    return None


def marks(text):
    return re.sub(r"[.,!?;:]", " ", text).upper() + " !!"


def reworded(text):
    return " ".join(PAIRS.get(word.lower(), word) for word in text.split())


def tenth(text, key):
    """Every tenth word is another."""
    return " ".join(f"xyz{at}" if at % 10 == 9 else word for at, word in enumerate(text.split()))


def swapper(key):
    """Other names and numbers, the same one for the same one."""
    chance, known = rng("swap", key), {}

    def one(found):
        word = found[0]
        if not (word[0].isupper() or any(sign.isdigit() for sign in word)):
            return word
        if word not in known:
            known[word] = str(chance.randrange(10 ** len(word))) if word[0].isdigit() else chance.choice(NAMES)
        return known[word]

    return lambda text: re.sub(r"\w+", one, text)


def swapped_call(swap):
    def of(value):
        if isinstance(value, str):
            return swap(value)
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int | float):
            return value + 17
        if isinstance(value, dict):
            return {key: of(part) for key, part in value.items()}
        return [of(part) for part in value]

    return lambda call: ToolCall(call.id, call.name, of(call.arguments))


def planted(item):
    key = item.trace.id
    swap = swapper(key)
    yield "copied whole", item
    yield "words copied, no calls", again(item, call=none)
    yield "case and punctuation, no calls", again(item, marks, none)
    yield "in longer talk, no calls", again(item, lambda text: f"{TALK}{text} Thanks, and take care of yourself.", none)
    yield "common words replaced, no calls", again(item, reworded, none)
    yield "every tenth word replaced, no calls", again(item, lambda text: tenth(text, key), none)
    yield "names and numbers swapped, no calls", again(item, swap, none)
    if any(node.message.calls for node in item.trace.nodes):
        yield "calls under other words", again(item, lambda _: "Please do for me now all that we have talked about.")


def related(item):
    """Data on the same tools: a request of our own wording, and the calls with other values. Not contamination."""
    calls = [call for node in item.trace.nodes for call in node.message.calls]
    if not calls:
        return None
    changed = [swapped_call(swapper(f"{item.trace.id} related"))(call) for call in calls]
    if [call.arguments for call in changed] == [call.arguments for call in calls]:
        return None
    said = ". ".join(f"I would like to have {call.name.replace('_', ' ')} done with {json.dumps(call.arguments)}" for call in changed)
    nodes = (Node(None, Message("user", said)), Node(0, Message("assistant", calls=tuple(changed))))
    return Item(msgspec.structs.replace(item.trace, nodes=nodes), item.tools)


def found(index, items):
    """How many items are found, and by which kinds."""
    kinds, count, total, examples = Counter(), 0, 0, []
    for item in items:
        hits = [hit for hit in index.find(item) if hit.kind in KINDS]
        kinds.update({hit.kind for hit in hits})
        count += bool(hits)
        total += 1
        if hits and len(examples) < 3:
            examples.append(f"{item.trace.id} ~ {hits[0].kind} {hits[0].row}: {hits[0].shown[:80]}")
    return {"n": total, "found": count, "share": round(count / total, 4) if total else None, "kinds": dict(kinds), "examples": examples}


def indexed(items, bounds):
    index = Index(bounds)
    for name, item in items:
        index.add(name, item)
    return index


def recall(rows, index, most):
    results = {}
    for name in SUITES:
        chosen = rng("planted", name).sample(rows[name], min(most, len(rows[name])))
        by = {}
        for item in chosen:
            for kind, made in planted(item):
                by.setdefault(kind, []).append(made)
        results[name] = {kind: found(index, made) for kind, made in by.items()}
    return results


def own(most):
    """Synthesised traces of our own shop."""
    import artificer
    from artificer.formats.account import Account
    from artificer.run.traded import opened

    with tempfile.TemporaryDirectory() as place:
        artificer.synth("cove", world="domain:retail", n=most, seed=11, out=f"{place}/run", progress=None)
        with opened(f"{place}/run", Account()) as data:
            return list(data.items)


def false_ones(rows, index, bounds, most):
    ours = own(most)
    results = {"our own shop against all": found(index, ours)}
    for name in SUITES:
        others = [(other, item) for other in SUITES if other != name for item in rows[other]]
        chosen = rng("clean", name).sample(rows[name], min(most, len(rows[name])))
        results[f"{name} against the others"] = found(indexed(others, bounds), chosen)
        made = [one for item in chosen if (one := related(item)) is not None]
        results[f"own words and values on {name}'s tools"] = found(indexed([(name, item) for item in rows[name]], bounds), made)
    return results, ours


def overlap(rows, bounds):
    """Each category of BFCL against all others: rows of which something stands in another category."""
    by = {}
    for item in rows["bfcl"]:
        by.setdefault(item.trace.world, []).append(item)
    results = {}
    for category, items in by.items():
        index = indexed([(world, item) for world, group in by.items() if world != category for item in group], bounds)
        results[category] = found(index, items)
    return results


def cost(rows, index, ours):
    begun = time.process_time()
    indexed([(name, item) for name in SUITES for item in rows[name]], index.bounds)
    building = time.process_time() - begun
    best = 1e9
    for _ in range(3):
        begun = time.process_time()
        for item in ours:
            index.find(item)
        best = min(best, time.process_time() - begun)
    messages = sum(len(item.trace.nodes) for item in ours) / len(ours)
    return {"index_s": round(building, 2), "traces_per_s": round(len(ours) / best), "messages_a_trace": round(messages, 1)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--site", action="append", default=[])
    parser.add_argument("--json")
    asked = parser.parse_args()
    sys.path[:0] = asked.site
    bounds = Bounds()
    rows = {name: list(suite(name).open()) for name in SUITES}
    index = indexed([(name, item) for name in SUITES for item in rows[name]], bounds)
    clean, ours = false_ones(rows, index, bounds, asked.rows)
    result = {
        "python": platform.python_version(),
        "bounds": msgspec.to_builtins(bounds),
        "rows": {name: len(rows[name]) for name in SUITES},
        "too_short": dict(index.blind),
        "recall": recall(rows, index, asked.rows),
        "clean": clean,
        "overlap": overlap(rows, bounds),
        "cost": cost(rows, index, ours),
    }
    for name, by in result["recall"].items():
        for kind, one in by.items():
            print(f"{name:10} {kind:38} {one['found']:4}/{one['n']:4} {one['kinds']}")
    for title in ("clean", "overlap"):
        for kind, one in result[title].items():
            print(f"{title:8} {kind:42} {one['found']:4}/{one['n']:4} {one['kinds']}")
            for line in one["examples"] if title == "clean" else ():
                print(f"           {line}")
    print(result["cost"], result["too_short"])
    if asked.json:
        Path(asked.json).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
