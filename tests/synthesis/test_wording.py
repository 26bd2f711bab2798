"""The grammar through its verbs, on requests such as the guide of a database makes."""

import random
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.agents.hearing import Hearing, says
from artificer.agents.hearing import affirms as hears_yes
from artificer.checks.confirmed import affirms
from artificer.core.canon import rng
from artificer.core.messages import Message
from artificer.core.tasks import Want
from artificer.synthesis import phrasebook
from artificer.synthesis.wording import Worded, manner, of_part, template_of, variety, word
from artificer.worlds.guide import Request, Said, part_of
from artificer.worlds.sqlite.phrases import Phrases

PHRASES = Phrases({"unit_price": "unit price", "first_name": "first name"})
TABLES = {
    "track": ["name", "composer", "unit_price", "milliseconds"],
    "customer": ["first_name", "city", "email"],
    "album": ["title"],
    "invoice": ["billing_city", "total", "invoice_date"],
    "playlist": ["name"],
    "employee": ["first_name", "title", "city"],
}
VALUES = ["Blue Lamp", "For Those About To Rock", "Lisbon", "ana@example.com", "2024-03-05", 1.29, 343719, "Ode to Joy", "Oslo", "Jean", 12, 99.5]


def request(random: random.Random) -> Request:
    table = random.choice(sorted(TABLES))
    columns = TABLES[table]
    verb = random.choice(("update", "create", "delete", "read", "count"))
    values = random.sample(VALUES, 3)
    said = [Said("", None, PHRASES.intent(verb, table, [f"x.{columns[0]}" if verb == "read" else columns[0]]))]
    said.append(Said(f"{table}.{columns[0]}", values[0], PHRASES.condition(table, columns[0], values[0], ()), "asked"))
    if random.random() < 0.5:
        said.append(Said(f"{table}.artist_id.name", values[1], PHRASES.condition("artist", "name", values[1], ("artist",)), "asked"))
    if verb in ("update", "create"):
        said.append(Said(f"set.{columns[-1]}", values[2], PHRASES.setting(columns[-1], values[2]), "asked"))
    return Request(Want(f"{verb}:{table}"), tuple(said))


def tasks(count: int, *, wants: int = 2, part: str = "all", vagueness: float = 0.3) -> list[tuple[list[Request], Worded | None]]:
    made = []
    for number in range(count):
        stream = rng("wording", number)
        requests = [request(stream) for _ in range(stream.randint(1, wants))]
        made.append((requests, word(requests, stream, part=part, pace=stream.randint(1, 2), vagueness=vagueness)))
    return made


@pytest.fixture(scope="module")
def many() -> list[tuple[list[Request], Worded]]:
    return [(requests, worded) for requests, worded in tasks(5000) if worded is not None]


def test_no_template_covers_more_than_two_percent_of_five_thousand_prompts(many) -> None:
    assert len(many) > 4900
    share = variety([template_of(worded.prompt, worded.facts) for _, worded in many])
    print(f"most common template: {share:.2%} of {len(many)}")
    assert share <= 0.02


def test_prompts_hardly_repeat_in_the_held_out_wording_either() -> None:
    worded = [one for _, one in tasks(1000, part="test") if one is not None]
    assert len(worded) > 900
    assert variety([template_of(one.prompt, one.facts) for one in worded]) <= 0.05


def test_the_figure_would_notice_a_poor_grammar(many) -> None:
    assert variety(["a", "a", "b"]) == pytest.approx(2 / 3)
    assert variety([]) == 0
    facts = many[0][1].facts
    assert template_of("Set  PRICE " + facts[0].phrase.upper(), facts) == "set price <want>"


def test_every_line_says_exactly_its_facts(many) -> None:
    for _, worded in many[:800]:
        for key, line in worded.script.items():
            heard = {fact.path for fact in worded.facts if says(line, fact.phrase)}
            kind, _, rest = key.partition(":")
            if kind == "ask":
                assert heard == {rest}
            elif kind == "open":
                assert heard == {fact.path for fact in worded.facts if fact.path.split(".")[0] == rest and fact.reveal == "opening"}
            else:
                assert heard == set(), key


def test_all_facts_can_be_heard_and_carry_their_values(many) -> None:
    for requests, worded in many[:300]:
        hearing = Hearing(worded.facts)
        hearing.listen([Message("user", line) for key, line in worded.script.items() if key.startswith(("open:", "ask:"))])
        for index, one in enumerate(requests):
            assert hearing.heard(index, "") == {said.path: said.value for said in one.said if said.path}
        assert sorted(hearing.wants) == list(range(len(requests)))


def test_no_phrase_contains_another_and_phrases_are_offered_ones(many) -> None:
    for requests, worded in many[:800]:
        for left, right in combinations(worded.facts, 2):
            assert not says(left.phrase, right.phrase)
            assert not says(right.phrase, left.phrase)
        offered = {f"{i}.{said.path}" if said.path else f"{i}": said.phrases for i, one in enumerate(requests) for said in one.said}
        assert all(fact.phrase in offered[fact.path] for fact in worded.facts)


def test_what_cannot_be_told_apart_is_not_worded() -> None:
    twin = Said("set.name", "Ann", ("the name is Ann",))
    clash = [Request(Want("a"), (Said("", None, ("rename a cat",)), twin)), Request(Want("b"), (Said("", None, ("rename a dog",)), twin))]
    assert word(clash, rng(1)) is None
    nested = [Request(Want("a"), (Said("", None, ("rename a cat",)), Said("x", 5, ("the 5",)), Said("y", 5, ("it has the 5",))))]
    assert word(nested, rng(1)) is None
    assert word([Request(Want("a"), (Said("", None, ("rename a cat",)), twin, twin))], rng(1)) is None
    assert word([], rng(1)) is None
    assert word([Request(Want("a"), (Said("", None, ()),))], rng(1)) is None


def test_another_phrase_is_taken_when_the_first_would_clash() -> None:
    one = Said("x", 5, ("the 5", "five of them"))
    other = Said("y", 5, ("it has the 5",))
    for seed in range(20):
        worded = word([Request(Want("a"), (Said("", None, ("rename a cat",)), one, other))], rng(seed))
        assert worded is not None
        assert {fact.phrase for fact in worded.facts} == {"rename a cat", "five of them", "it has the 5"}


def test_vagueness_decides_what_is_withheld() -> None:
    def withheld(vagueness: float) -> float:
        facts = [fact for _, worded in tasks(300, vagueness=vagueness) if worded for fact in worded.facts if "." in fact.path]
        return sum(fact.reveal == "asked" for fact in facts) / len(facts)

    assert withheld(0.0) == 0.0
    assert withheld(1.0) == 1.0
    assert 0.4 < withheld(0.5) < 0.6


def test_the_want_and_what_must_be_said_at_once_stand_in_the_opening() -> None:
    fixed = Said("row.name", "Ann", ("the name is Ann",), "opening")
    for seed in range(30):
        worded = word([Request(Want("a"), (Said("", None, ("rename a cat",), "asked"), fixed))], rng(seed), vagueness=1.0)
        assert worded is not None
        assert [fact.reveal for fact in worded.facts] == ["opening", "opening"]
        assert not any(key.startswith("ask:") for key in worded.script)
        assert worded.prompt == worded.script["open:0"]


def test_the_same_stream_gives_the_same_words() -> None:
    assert [worded for _, worded in tasks(50)] == [worded for _, worded in tasks(50)]


LISTS = {name: getattr(phrasebook, name) for name in sorted(vars(phrasebook)) if name.isupper()}


@pytest.mark.parametrize("name", LISTS)
def test_every_list_keeps_enough_of_both_parts(name: str) -> None:
    texts = ["".join(option) for option in LISTS[name]]
    assert len(set(texts)) == len(texts)
    test = [text for text in texts if part_of(text) == "test"]
    assert len(test) >= 2
    assert len(texts) - len(test) >= 8


def test_train_and_test_share_no_wording() -> None:
    for options in LISTS.values():
        if isinstance(options[0], str):
            assert set(of_part(options, "train")).isdisjoint(of_part(options, "test"))
            assert set(of_part(options, "all")) == set(options)
    kept: dict[str, set[str]] = {}
    for part in ("train", "test"):
        kept[part] = {line for _, one in tasks(400, part=part) if one for key, line in one.script.items() if key.partition(":")[0] == "confirm"}
    assert kept["train"]
    assert kept["test"]
    assert kept["train"].isdisjoint(kept["test"])


def test_ways_of_speaking_are_kept_for_testing_whatever_they_speak_of() -> None:
    assert manner("the new city is Oslo", "Oslo") == manner("the new unit price is 1.29", 1.29)
    assert manner("the city should be Oslo", "Oslo") != manner("the new city is Oslo", "Oslo")
    assert manner("change the city of an album", None) == manner("change the unit price of a track", None)
    assert manner("fix the city of an album", None) != manner("change the city of an album", None)
    manners: dict[str, set[str]] = {}
    for part in ("train", "test"):
        made = [one for _, one in tasks(400, part=part, wants=1) if one]
        manners[part] = {manner(fact.phrase, fact.value) for one in made for fact in one.facts if fact.path.startswith("0.set")}
    assert manners["train"]
    assert manners["train"].isdisjoint(manners["test"])


@pytest.mark.parametrize("line", phrasebook.CONFIRMS)
def test_a_yes_is_understood_as_one(line: str) -> None:
    assert affirms(line)
    assert hears_yes(line)


@pytest.mark.parametrize("line", phrasebook.REFUSALS + phrasebook.UNKNOWNS)
def test_a_no_and_an_i_do_not_know_are_not(line: str) -> None:
    assert not affirms(line)
    assert not hears_yes(line)


@pytest.mark.parametrize("line", phrasebook.ANSWERS)
def test_an_answer_is_not_taken_for_consent_by_its_first_word(line: str) -> None:
    assert not hears_yes(line.replace("{p}", "the name is Ann"))


def test_our_own_words_hold_no_digits_and_fill_no_stray_braces(many) -> None:
    assert not any(letter.isdigit() for options in LISTS.values() for option in options for letter in "".join(option))
    for _, worded in many[:500]:
        assert not any(brace in line for line in worded.script.values() for brace in ("{", "}"))


def test_questions_are_asked_as_questions() -> None:
    for seed in range(40):
        worded = word([Request(Want("q"), (Said("", None, ("how many albums are there",)),))], rng(seed))
        assert worded is not None
        assert "how many albums are there?" in worded.prompt.lower()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=4), st.integers(0, 10**6), st.sampled_from(["train", "test", "all"]))
def test_whatever_the_values_either_every_fact_is_heard_or_the_task_is_refused(values: list[str], seed: int, part: str) -> None:
    said = [Said("", None, ("change the note of a visit", "edit a visit"))]
    said += [Said(f"set.n{at}", value, (f"note {value}", f"the note says {value}"), "asked") for at, value in enumerate(values)]
    worded = word([Request(Want("u"), tuple(said))], rng(seed), part=part)
    if worded is not None:
        text = "\n".join(line for key, line in worded.script.items() if key.startswith(("open:", "ask:")))
        assert all(says(text, fact.phrase) for fact in worded.facts)
