"""What looking at data costs, and how often its language is told right.

    python benchmarks/quality.py [--n 4000] [--json FILE] [--languages FOLDER]

Traces a second of CPU time on one core, best of three (other work may run on the machine): each family of rules, all of them, and `artificer.check`
from a file, near-duplicates left out. A trace is six messages with two calls and four tools, about 1.7 kB of chat; then a longer kind of twenty messages
as the shipped retail world makes them. Memory is what a file ten times as long takes more.

FOLDER is where Django is installed or unpacked (`pip download --no-deps django`, then unzip): its translators' messages of six words and more are the
sentences. None of them was looked at when the word lists were written.
"""

from __future__ import annotations

import argparse
import gettext
import json
import platform
import re
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import msgspec

import artificer
from artificer.curation.quality.counting import Counting, _hidden
from artificer.curation.quality.language import UNDECIDED, language
from artificer.curation.quality.sources import Grounds
from artificer.curation.quality.structure import Toolsets, grammar, links, schema
from artificer.curation.quality.thoughts import Thoughts
from artificer.curation.quality.walk import everything
from artificer.formats import format_named
from artificer.formats.account import Account
from artificer.formats.convert import parse, render
from artificer.formats.source import Row
from artificer.run import traded
from formats import item

CODES = {"nb": "no", "zh_Hans": "zh"}
LOCALES = "de fr es pt it nl sv da nb pl cs ro fi hu tr id vi ru uk bg ar fa el he hi bn ta th ka ja ko zh_Hans"


def best(work, n):
    seconds = []
    for _ in range(3):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return round(n / min(seconds))


def rates(items):
    sets = Toolsets()
    nodes = [one.trace.nodes for one in items]
    offered = [sets.of(one.tools) for one in items]
    texts = [[everything(node.message) for node in one.trace.nodes] for one in items]

    def all_rules():
        counting = Counting()
        for one in items:
            counting.add(one)

    return {
        "schemas": best(lambda: [list(schema(a, b, str)) for a, b in zip(nodes, offered)], len(items)),
        "links and grammar": best(lambda: [(list(links(a)), list(grammar(a))) for a in nodes], len(items)),
        "sources of values": best(lambda: [list(Grounds().look(a, b.tools, str)) for a, b in zip(nodes, offered)], len(items)),
        "thoughts": best(lambda: [list(Thoughts().look(a)) for a in nodes], len(items)),
        "personal data and secrets": best(lambda: [list(_hidden(text, 0, set())) for one in texts for text in one], len(items)),
        "language": best(lambda: [language("\n".join(one)) for one in texts], len(items)),
        "all rules": best(all_rules, len(items)),
    }


def file_rate(rows, n):
    with tempfile.TemporaryDirectory() as folder:
        short, long = Path(folder) / "short.jsonl", Path(folder) / "long.jsonl"
        short.write_bytes(b"\n".join(rows) + b"\n")
        with long.open("wb") as out:
            for copy in range(10):
                out.writelines(row.replace(b"order", b"order %d," % copy) + b"\n" for row in rows)
        rate = best(lambda: artificer.check(short, given="chat", near=False), n)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        artificer.check(long, given="chat", near=False)
        return rate, round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def retail(n):
    with tempfile.TemporaryDirectory() as folder:
        artificer.synth("cove", world="domain:retail", n=n, seed=3, out=f"{folder}/run")
        with traded.opened(f"{folder}/run", Account()) as data:
            return list(data.items)


def long_text():
    text = "word 12 " * 1_250_000
    looked = item(1)
    first = looked.trace.nodes[0]
    nodes = (msgspec.structs.replace(first, message=msgspec.structs.replace(first.message, content=text)), *looked.trace.nodes[1:])
    began = time.process_time()
    Counting().add(msgspec.structs.replace(looked, trace=msgspec.structs.replace(looked.trace, nodes=nodes)))
    return round(time.process_time() - began, 2)


def languages(folder):
    table, wrong = {}, Counter()
    sentences = {"en": set()}
    for code in LOCALES.split():
        found = sentences.setdefault(CODES.get(code, code), set())
        for path in [
            *Path(folder).glob(f"**/conf/locale/{code}/LC_MESSAGES/*.mo"),
            *Path(folder).glob(f"**/contrib/*/locale/{code}/LC_MESSAGES/*.mo"),
        ]:
            with path.open("rb") as file:
                catalogue = gettext.GNUTranslations(file)._catalog
            for key, text in catalogue.items():
                name = key[0] if isinstance(key, tuple) else key
                if len(name.split()) >= 6 and name != text:
                    found.add(bare(text))
                    sentences["en"].add(bare(name))
    for code, texts in sorted(sentences.items()):
        told = Counter(map(language, texts))
        table[code] = {"n": len(texts), "right": told[code], "undecided": told[UNDECIDED]}
        wrong.update({f"{code} as {other}": number for other, number in told.items() if other not in (code, UNDECIDED)})
    return table, dict(wrong.most_common())


def bare(text):
    return re.sub(r"%\([a-z_]*\)[sd]|%[sd]|<[^>]*>|\{[^}]*\}", " ", text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=4000)
    parser.add_argument("--json")
    parser.add_argument("--languages")
    given = parser.parse_args()
    short, long = [item(n) for n in range(given.n)], retail(min(given.n, 400))
    rows = list(render(short, format_named("chat"), Account()))
    assert sum(1 for _ in parse((Row("x", row) for row in rows), format_named("chat"), Account())) == given.n
    about = {"python": platform.python_version(), "traces": given.n, "bytes": len(rows[0])}
    figures = {"short": rates(short), "retail": rates(long)}
    figures["file"], figures["more_mib_for_ten_times"] = file_rate(rows, given.n)
    figures["ten_megabytes_s"] = long_text()
    for kind in ("short", "retail"):
        for name, rate in figures[kind].items():
            print(f"{kind:7} {name:26} {rate:8,} traces/s")
    print(f"from a file, all rules: {figures['file']:,} traces/s; ten times as many take {figures['more_mib_for_ten_times']} MiB more")
    print(f"a message of 10 MB: {figures['ten_megabytes_s']} s")
    if given.languages:
        table, wrong = languages(given.languages)
        sums = Counter()
        for code, one in table.items():
            sums.update(one)
            print(
                f"{code}: {one['n']} sentences, {100 * one['right'] / max(1, one['n']):.1f}% right, {100 * one['undecided'] / max(1, one['n']):.1f}% undecided"
            )
        print(f"all: {sums['n']} sentences, {sums['right'] / sums['n']:.3f} right, {sums['undecided'] / sums['n']:.3f} undecided; wrong: {wrong}")
        figures["languages"] = {"table": table, "wrong": wrong}
    if given.json:
        Path(given.json).write_text(json.dumps(about | figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
