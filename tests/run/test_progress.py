import asyncio
import io
import re
from contextlib import asynccontextmanager

from artificer.run.engine import execute
from artificer.run.progress import Progress
from artificer.run.stage import Reject, each, whole
from artificer.run.store import RunFolder


class Terminal(io.StringIO):
    def isatty(self):
        return True


@asynccontextmanager
async def slow():
    async def row(key, item):
        await asyncio.sleep(0.08)
        return Reject("odd") if item % 2 else item

    yield row


def play(path, stream, every_s, rows=30):
    with RunFolder.create_or_continue(path, {"seed": 1}) as folder:
        stages = [each("play", slow, keep="out"), whole("pick", lambda rows: rows[:4], keep="picked")]
        source = [(f"{n:02}", n) for n in range(rows)]
        return asyncio.run(execute(stages, source, folder, concurrency=2, progress=Progress(stream, every_s)))


def test_plain_lines_when_nobody_watches(tmp_path):
    stream = io.StringIO()
    play(tmp_path, stream, 0.4)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "play: 0/30 rows, 0 out, 0.0 rows/s"
    assert re.fullmatch(r"play: \d+/30 rows, \d+ out, \d+ rejected \(odd \d+\), \d+\.\d rows/s, \d s left", lines[1])
    assert re.fullmatch(r"play: 30/30 rows, 15 out, 15 rejected \(odd 15\), \d+\.\d rows/s", lines[-3])
    assert lines[-1].startswith("pick: 4 out, 11 rejected (not_kept 11)")
    assert "\x1b" not in stream.getvalue()


def test_one_live_line_on_a_terminal(tmp_path):
    stream = Terminal()
    play(tmp_path, stream, 60)
    shown = stream.getvalue().split("\r\x1b[2K")
    assert len(shown) >= 5
    assert sum(part.endswith("\n") for part in shown) == 2  # one line stays for each part of the run
    assert all(len(part) <= 80 for part in shown)


def test_rows_of_earlier_attempts_count_as_done_but_not_for_the_rate(tmp_path):
    play(tmp_path, io.StringIO(), 60, rows=30)
    stream = io.StringIO()
    play(tmp_path, stream, 60, rows=30)
    assert "play: 30/30 rows, 0 out, 0.0 rows/s" in stream.getvalue()


def test_the_total_of_a_source_without_a_length(tmp_path):
    stream = io.StringIO()
    with RunFolder.create_or_continue(tmp_path, {"seed": 1}) as folder:
        source = ((f"{n}", n) for n in range(6))
        asyncio.run(execute([each("play", slow, keep="out")], source, folder, progress=Progress(stream), total=6))
    assert "play: 6/6 rows, 3 out, 3 rejected (odd 3)" in stream.getvalue()
