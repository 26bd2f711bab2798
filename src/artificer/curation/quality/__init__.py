"""Quality at the door: what is wrong with data before anybody trains on it.

One pass over traces, in bounded memory. Every rule is a pure function of a trace and its tools that gives findings
(`findings.RULES` names them all); `counting` adds them up to a `Card`; `thresholds` turns its figures into pass, warn
or fail. Whether what a trace claims is true is not asked here: that is proof by replay.

- `structure`: schemas, links of calls and results, dialogue grammar.
- `sources`: values in arguments that come from nowhere.
- `thoughts`: thoughts and ends, and the quality check of the Agent Data Protocol, rule for rule.
- `private`, `secrets`, `numbers`: personal data and credentials, with their checksums.
- `language`, `length`: what the words are and how many.
- `licence`: whether anybody says that the data may be used.
- `markdown`: the card as a dataset card; as a page: `artificer.studio.card`.
"""

from artificer.curation.quality.card import Card as Card
from artificer.curation.quality.counting import Counting as Counting
from artificer.curation.quality.findings import RULES as RULES
from artificer.curation.quality.findings import Finding as Finding
