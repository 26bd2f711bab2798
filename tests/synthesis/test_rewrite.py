"""What a model may do to a task's lines: scripted models that reword well, and that spoil one thing each."""

import msgspec
import pytest

from artificer.core.canon import rng
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Goal, Start, Task, Want
from artificer.core.verdicts import ErrorKind
from artificer.models.base import Model, Reply, Request
from artificer.synthesis.rewrite import objection, rewrite, writer
from artificer.synthesis.wording import word
from artificer.worlds.guide import Request as Wish
from artificer.worlds.guide import Said


def made(vagueness: float = 0.0) -> Task:
    said = (
        Said("", None, ("change the price of a track",)),
        Said("track.name", "Blue Lamp", ('the name is "Blue Lamp"',), "asked"),
        Said("set.price", 1.29, ("make the price 1.29",), "asked"),
    )
    worded = word([Wish(Want("update:track:price"), said)], rng("rewrite"), vagueness=vagueness)
    assert worded is not None
    return Task("t", "w", Start(), worded.prompt, Goal((Want("update:track:price"),), worded.facts, (), worded.script))


class Scripted(Model):
    """Answers each line by a function of the line and the phrases it must keep."""

    name = "scripted:test"

    def __init__(self, say) -> None:
        self.say = say
        self.prompts: list[str] = []

    async def reply(self, request: Request) -> Reply:
        prompt = request.messages[-1].text
        self.prompts.append(prompt)
        line = prompt.split("\nText: ", 1)[1].removesuffix("\nReworded:")
        phrases = [part[2:] for part in prompt.split("each once:\n", 1)[1].split("\nAdd no facts")[0].split("\n") if part != "- (none)"]
        answer = self.say(line, phrases)
        return answer if isinstance(answer, Reply) else Reply(Message("assistant", answer))


async def counts(say, vagueness: float = 0.0) -> tuple[Task, Task, dict[str, int]]:
    task = made(vagueness)
    result = await rewrite(task, writer(Scripted(say)))
    assert sum(result.counts.values()) == len(task.goal.script)
    return task, result.task, result.counts


def well(line: str, phrases: list[str]) -> str:
    return "Yes, go ahead then." if "{}" in line else ("Well then, " + "; ".join(phrases) + ", if you would." if phrases else line)


async def test_a_good_rewording_is_kept_and_the_prompt_follows() -> None:
    before, after, found = await counts(well)
    assert found == {"kept": len(before.goal.script)}
    assert after.prompt == after.goal.script["open:0"] != before.prompt
    assert all(fact.phrase in after.prompt for fact in before.goal.facts)
    assert msgspec.structs.replace(after, prompt=before.prompt, goal=before.goal) == before


async def test_a_dropped_fact_is_noticed() -> None:
    before, after, found = await counts(lambda line, phrases: well(line, phrases[:-1]) if phrases else line)
    assert found["fact lost"] == 1
    assert after.prompt == before.prompt


async def test_a_changed_value_is_a_lost_fact() -> None:
    _, _, found = await counts(lambda line, phrases: line.replace("1.29", "1.30").replace("Lamp", "lamp"))
    assert found["fact lost"] == 1


async def test_a_fact_said_too_early_is_noticed() -> None:
    before, after, found = await counts(lambda line, phrases: line + ' And the name is "Blue Lamp".', vagueness=1.0)
    assert found["fact leaked"] >= 2
    assert after.prompt == before.prompt
    _, _, found = await counts(lambda line, phrases: line + " It is for blue lamp.", vagueness=1.0)
    assert found["fact leaked"] >= 2


@pytest.mark.parametrize(
    ("addition", "reason"),
    [
        (" I need 7 of them.", "number added"),
        (" My two cats agree.", "number added"),
        (" It says 'Red Lamp'.", "quotation added"),
        (" The album is \u201cRed\u201d.", "quotation added"),
        (" The order is W12345.", "id added"),
        (" Write to ana@example.com.", "id added"),
        (" See https://example.com.", "id added"),
        (" word" * 200, "length"),
    ],
)
async def test_what_is_added_is_noticed_in_every_line(addition: str, reason: str) -> None:
    before, after, found = await counts(lambda line, phrases: line + addition)
    assert found == {reason: len(before.goal.script)}
    assert after == before


async def test_a_yes_must_stay_a_yes_and_a_no_a_no() -> None:
    def turned(line: str, phrases: list[str]) -> str:
        return line if phrases else "Yes, please go ahead."

    before, after, found = await counts(turned)
    assert found["meaning changed"] >= 2
    assert after.goal.script["no"] == before.goal.script["no"]
    _, after, found = await counts(lambda line, phrases: line if phrases else "No, rather not.")
    assert after.goal.script["confirm"] == before.goal.script["confirm"]


@pytest.mark.parametrize(
    "answer",
    [
        Reply(Message("assistant"), error=ErrorKind.timeout),
        Reply(Message("assistant", "x", calls=(ToolCall("1", "t", {}),))),
    ],
)
async def test_a_model_that_fails_changes_nothing(answer: Reply) -> None:
    before, after, found = await counts(lambda line, phrases: answer)
    assert after == before
    assert found == {"no answer": len(before.goal.script)}


async def test_an_empty_answer_changes_nothing() -> None:
    before, after, found = await counts(lambda line, phrases: " \n")
    assert (after, found) == (before, {"empty": len(before.goal.script)})


async def test_what_models_put_around_an_answer_is_taken_off() -> None:
    task = made(vagueness=1.0)
    line = task.goal.script["ask:0.set.price"]
    result = await rewrite(task, writer(Scripted(lambda text, phrases: f'Reworded: "{text}"' if text == line else text)))
    assert result.task.goal.script["ask:0.set.price"] == line


async def test_the_model_sees_one_line_and_never_the_goal() -> None:
    task, model = made(vagueness=1.0), Scripted(well)
    await rewrite(task, writer(model))
    for key, prompt in zip(sorted(task.goal.script), model.prompts, strict=True):
        assert task.goal.script[key] in prompt
        others = [fact.phrase for fact in task.goal.facts if not key.endswith(fact.path) and fact.reveal == "asked"]
        assert not any(phrase in prompt for phrase in others)


def test_a_phrase_may_begin_a_sentence() -> None:
    task = made()
    line = task.prompt
    text = 'The name is "Blue Lamp". Make the price 1.29, and so change the price of a track.'
    assert objection("open:0", line, text, task.goal.facts) is None
    assert objection("open:0", line, text.upper(), task.goal.facts) == "fact lost"


def test_braces_in_a_line_are_text() -> None:
    assert objection("ask:0.x", "it is {line}", "well, it is {line}", []) is None
