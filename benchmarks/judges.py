"""A small model as a judge: what calibration says of it, and what rules settle before anybody is asked.

    python benchmarks/judges.py [--model local:smollm2] [--votes 2] [--json FILE]

Questions are nuggets (is this fact stated in that answer?), labelled by hand, half of them stated in other words. A judge that
knows nothing agrees with half; the calibration must say so, and not call it usable.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
import time
from pathlib import Path

import msgspec

from artificer.checks.judges.base import Judgement, Question
from artificer.checks.judges.nuggets import _ASK, NOT_STATED, STATED, by_rule
from artificer.checks.judges.panel import Panel
from artificer.evaluation.calibration import Example, calibrate
from artificer.models.base import Model

LABELLED = [
    ("The order was cancelled on Monday.", "Your order is off: we stopped it on Monday.", True),
    ("The order was cancelled on Monday.", "Your order will arrive on Monday.", False),
    ("The flight leaves from gate twelve.", "Please go to gate twelve, that is where boarding starts for your flight.", True),
    ("The flight leaves from gate twelve.", "Gate twelve is closed; your flight boards elsewhere.", False),
    ("A refund goes to the card that paid.", "We send the money back to the same card.", True),
    ("A refund goes to the card that paid.", "We send a voucher for the same amount.", False),
    ("The customer lives in Cork.", "Her address is in Cork, Ireland.", True),
    ("The customer lives in Cork.", "She wants a parcel sent to Cork and lives in Brest.", False),
    ("The shop is shut on Sundays.", "We open every day but Sunday.", True),
    ("The shop is shut on Sundays.", "Sunday is our busiest day.", False),
    ("The song is on the second album.", "You find it on their second record.", True),
    ("The song is on the second album.", "They left it off the second album.", False),
    ("Only members get the discount.", "The discount is for members and nobody else.", True),
    ("Only members get the discount.", "Members and guests alike get the discount.", False),
    ("The file was not deleted.", "The file is still there.", True),
    ("The file was not deleted.", "I removed the file as you wished.", False),
    ("Two of the items are out of stock.", "We lack two of the things you chose.", True),
    ("Two of the items are out of stock.", "All of the items are in stock.", False),
    ("The password was changed yesterday.", "Yesterday a new password was set.", True),
    ("The password was changed yesterday.", "The password will be changed tomorrow.", False),
    ("The agent cannot see card numbers.", "I have no way to look at the number of your card.", True),
    ("The agent cannot see card numbers.", "Your card number ends in four ones, as I see.", False),
    ("The invoice was sent twice.", "By mistake the invoice went out two times.", True),
    ("The invoice was sent twice.", "The invoice has not been sent yet.", False),
]


def examples() -> list[Example]:
    questions = [Question("nugget", (STATED, NOT_STATED), _ASK, {"fact": fact, "answer": answer}, quotes=("answer",)) for fact, answer, _ in LABELLED]
    return [Example(question, STATED if good else NOT_STATED) for question, (_, _, good) in zip(questions, LABELLED, strict=True)]


async def constant(question: Question) -> Judgement:
    """The floor: always the same label."""
    return Judgement(STATED, "always", {STATED: 1})


async def measure(name: str, votes: int) -> dict[str, object]:
    asked = examples()
    began = time.process_time()
    settled = sum(by_rule(one.question.shows["answer"], one.question.shows["fact"]) is not None for one in asked)
    rule_us = (time.process_time() - began) / len(asked) * 1e6
    model = Model.of(name)
    began = time.perf_counter()
    done = await calibrate(Panel(model, votes), asked)
    seconds = time.perf_counter() - began
    await model.close()
    floor = await calibrate(constant, asked)
    return {
        "model": name,
        "votes": votes,
        "calibration": msgspec.to_builtins(done),
        "usable_at_0.8": done.usable(0.8),
        "floor_agreement": floor.agreement.share,
        "settled_by_rule": settled,
        "rule_us": round(rule_us, 1),
        "seconds": round(seconds, 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="local:smollm2")
    parser.add_argument("--votes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = asyncio.run(measure(given.model, given.votes))
    done = found["calibration"]
    assert isinstance(done, dict)
    print(f"{given.model}, {given.votes} votes, {done['n']} questions, {found['seconds']} s")
    low, high = done["agreement"]["low"], done["agreement"]["high"]
    print(f"agreement {done['agreement']['share']:.2f} [{low:.2f}, {high:.2f}]; one label always: {found['floor_agreement']}")
    print(f"decided {done['decided']['share']:.2f}, flips {done['flips']['share']:.2f}, kappa {done['kappa']}, alpha {done['alpha']}")
    print(f"usable at 0.8: {found['usable_at_0.8']}; settled by rule {found['settled_by_rule']}, {found['rule_us']} us a question")
    if given.json:
        given.json.write_text(json.dumps({"python": platform.python_version(), **found}, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
