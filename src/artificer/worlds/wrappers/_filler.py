"""Texts that have nothing to do with anything: sentences for random documents, exchanges for irrelevant chat.

They hold no digits, no ids and no names of people, so that nothing in them can pass for a fact of a task.
"""

from __future__ import annotations

from random import Random

_DOCUMENTS: dict[str, tuple[str, ...]] = {
    "Tides": (
        "The sea rises and falls twice a day along most coasts, and the height of the water follows the moon.",
        "Where a bay narrows towards its end, the same wave is squeezed and climbs higher up the shore.",
        "Harbour masters once kept wooden gauges and wrote the levels down by lamplight.",
        "Mud flats that lie dry at noon may be under water before supper.",
        "Birds that feed on worms time their flights by the ebb and not by the sun.",
    ),
    "Bread": (
        "Flour, water, salt and a little yeast are all that a plain loaf needs, besides time.",
        "A slow rise in a cold room gives more flavour than a quick one by the stove.",
        "Steam in the oven keeps the crust soft for a while, so that the loaf can open.",
        "Rye holds less gas than wheat and makes a denser crumb that keeps for longer.",
        "Bakers judge a loaf by the sound it makes when the bottom is tapped.",
    ),
    "Bridges": (
        "An arch carries its load by pushing outwards, so its ends must stand on something that does not move.",
        "Ropes of grass spanned gorges long before anyone forged a chain.",
        "Engineers leave gaps in the deck because steel grows in summer.",
        "A bridge that sways in step with the wind can shake itself apart.",
        "Stone piers are shaped like ships, with their bows against the current.",
    ),
    "Bees": (
        "A hive in winter is a slow ball of warmth that eats its way through the comb.",
        "Scouts that find a field of clover dance its direction on the dark side of the frame.",
        "Wax is made from honey at a price, which is why keepers give old comb back.",
        "Drones are fed all summer and turned out when the nights grow cool.",
        "A swarm that hangs in a tree has no stores and is gentler than it looks.",
    ),
    "Maps": (
        "No flat sheet can show a round world without stretching something.",
        "Surveyors walked with chains and set up stones that farmers still plough around.",
        "Sailors cared for directions, farmers for areas, and each got another map.",
        "Contour lines crowd together where a slope is steep.",
        "Old charts filled the blank parts with whales and winds.",
    ),
    "Clocks": (
        "A pendulum keeps time by its length and hardly minds how heavy it is.",
        "Railways made towns give up their own noon and agree on one for all.",
        "A drop of oil on the wrong wheel can cost a watch minutes a week.",
        "Bell ringers counted the hours for people who had no dial to look at.",
        "Quartz hums far above what an ear can hear, and a circuit counts the hum.",
    ),
    "Paper": (
        "Rags were pulped by hammers that a stream drove day and night.",
        "A mark in the mould leaves the sheet a little thinner, and light shows it.",
        "Paper made from wood yellows, because what binds the fibres does not like the sun.",
        "Sheets were hung over ropes in lofts whose shutters let the wind through.",
        "Cotton still goes into what must be folded a great many times.",
    ),
    "Rivers": (
        "A bend grows because water runs faster on its outer side and takes the bank along.",
        "What a flood carries off upstream it lays down as soil in the plain.",
        "Fish that were born in gravel come back to it by the smell of the water.",
        "Weirs that once drove mills now hold back gravel that the sea misses.",
        "In dry country a river may end in sand without ever meeting another.",
    ),
}
_CHAT: tuple[tuple[str, str], ...] = (
    ("Why is the sky blue?", "Air scatters short waves of light more than long ones, so blue reaches you from every side."),
    ("Can you suggest a name for a grey kitten?", "How about Ash, Pebble or Misty? Ash is short and easy to call."),
    ("How do I keep basil alive on a windowsill?", "Give it light, water it from below, and pinch off the tips before it flowers."),
    ("What rhymes with orange?", "Hardly anything does. Door hinge comes close when it is said quickly."),
    ("Write me a line about autumn.", "The leaves let go one by one, as if they had agreed on it."),
    ("Is it better to stretch before or after running?", "A gentle warm-up before, and longer stretches after, suit most people."),
    ("What is a good book for a long train ride?", "A travel diary reads well on a train, since you can put it down at any stop."),
    ("How do I get a wine stain out of a tablecloth?", "Blot it, do not rub, then use cold water and a little dish soap."),
    ("Explain what a metaphor is.", "It speaks of one thing as if it were another, as in a sea of troubles."),
    ("What should I cook with leftover rice?", "Fry it with an egg and whatever vegetables are about to wilt."),
    ("Why do cats purr?", "They purr when content, and sometimes to calm themselves when they are not."),
    ("How can I learn to whistle?", "Wet your lips, make a small ring with them, and blow gently while you move your tongue."),
)
_HARD = (
    "A note on {thing} in general: the team that looks after {thing} moved to another floor, which changes nothing about how they work.",
    "The handbook has a chapter on {thing}. It explains where the word comes from and says nothing of any single case.",
    "Somebody else asked about {thing} this morning. That was another matter and has been settled.",
    "An example from training that stands for no real record: a learner looks at {thing}, reads it aloud, and puts it back.",
    "The old system also had {thing}. Its records were not kept, and nothing here refers to them.",
    "People often mix up {thing} with things that only sound alike. This remark is about the word and not about any entry.",
)


def document(luck: Random) -> str:
    """A random document: a heading and a few sentences of one topic."""
    topic = luck.choice(list(_DOCUMENTS))
    sentences = luck.sample(_DOCUMENTS[topic], luck.randint(3, 5))
    return f"{topic}. {' '.join(sentences)}"


def exchange(luck: Random) -> tuple[str, str]:
    """Something a user once asked, and what was answered."""
    return luck.choice(_CHAT)


def beside(thing: str, luck: Random) -> str:
    """A hard negative: about `thing`, without stating or changing anything that could be asked of it."""
    return luck.choice(_HARD).format(thing=thing)
