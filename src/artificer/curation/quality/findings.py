"""What a rule finds, and the table of all rules."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Severity = Literal["error", "warning", "note"]
"""An error cannot be trained on as it stands; a warning should be looked at; a note is only counted."""

Group = Literal["schema", "links", "grammar", "arguments", "thoughts", "duplicates", "personal", "secrets", "licence"]


class Rule(Struct, frozen=True):
    """One rule: its group, how grave what it finds is, what is wrong in words, and where the rule comes from."""

    group: Group
    severity: Severity
    says: str
    source: str = ""


class Finding(Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong.

    Args:
        rule: a name in `RULES`.
        at: the node's index in the trace; None where it is the trace, or the whole set.
        evidence: short, with personal data and secrets masked.
        severity: that of the rule, or "note" where it is excused: a placeholder (example.com, a test card), a call that the tool refused.
        trace: the trace's id; "" for the whole set. where: the row it was read from.
    """

    rule: str
    at: int | None
    evidence: str
    severity: Severity
    trace: str = ""
    where: str = ""


_ADP = "ADP, schema/trajectory.py, validate_tool_call_links"
_CM2 = "CM2's rule filter"
_TL = "TL-Training's classes of errors"

RULES: dict[str, Rule] = {
    "tool_schema": Rule("schema", "error", "a tool's parameters are no valid JSON Schema", _CM2),
    "tool_twice": Rule("schema", "error", "two tools of one conversation have the same name", _CM2),
    "tools_missing": Rule("schema", "warning", "calls are made and no tools are given"),
    "unknown_tool": Rule("schema", "error", "a call of a tool that is not among those given", f"{_TL}; ToolBench's hallucinated names"),
    "arguments_unreadable": Rule("schema", "error", "arguments that are not a JSON object", _CM2),
    "arguments_invalid": Rule("schema", "error", "arguments that break the tool's schema", f"{_TL}; {_CM2}; LoopTool's validator"),
    "call_without_id": Rule("links", "error", "a call that is answered and has no id", _ADP),
    "call_id_twice": Rule("links", "error", "two calls with the same id", _ADP),
    "result_before_call": Rule("links", "error", "a result that stands before its call", _ADP),
    "result_of_no_call": Rule("links", "error", "a result of a call that nobody made", _ADP),
    "result_twice": Rule("links", "error", "a second result of the same call", _ADP),
    "call_unanswered": Rule("links", "error", "a call without a result, and the conversation goes on", _ADP),
    "call_open": Rule("links", "note", "a call at the end that has no result (ADP asks for one where the call has an id)", _ADP),
    "empty": Rule("grammar", "error", "a conversation without messages"),
    "opening": Rule("grammar", "warning", "the first message is neither the system's nor the user's"),
    "role_order": Rule("grammar", "warning", "a message of a role that cannot follow the one before it", f"ADP's alternation of roles; {_CM2}"),
    "several_system": Rule("grammar", "note", "a system message behind another message"),
    "empty_turn": Rule("grammar", "warning", "a message in which nothing is said and nothing called"),
    "misplaced": Rule("grammar", "error", "a tool message without a result, or a call or result in a message of another role"),
    "result_in_text": Rule("grammar", "warning", "marks of calls or results in the text of the assistant", _CM2),
    "ending": Rule("grammar", "warning", "the last message is not the assistant's"),
    "ungrounded_argument": Rule("arguments", "note", "a value that nobody said and no result showed"),
    "thought_missing": Rule("thoughts", "note", "a call with neither text nor reasoning (finish needs none)", "ADP, agents/openhands_v0"),
    "think_tag": Rule("thoughts", "warning", "raw <think> tags in a text or a thought", f"ADP, tests/test_think_token_lint.py; {_CM2}"),
    "unfinished": Rule("thoughts", "note", "neither a call of finish nor a conversation of two messages", "ADP, agents/openhands_v0"),
    "duplicate": Rule("duplicates", "warning", "the same conversation as an earlier one, word for word"),
    "near_duplicate": Rule("duplicates", "warning", "nearly the same words as another conversation"),
    "email": Rule("personal", "warning", "an e-mail address"),
    "phone": Rule("personal", "warning", "a telephone number"),
    "iban": Rule("personal", "warning", "an IBAN whose checksum is right (ISO 13616)"),
    "card_number": Rule("personal", "warning", "a payment card's number whose check digit is right (Luhn, ISO/IEC 7812)"),
    "ip_address": Rule("personal", "note", "an IP address that is not reserved"),
    "national_id": Rule("personal", "warning", "a national identity number whose checksum is right"),
    "private_key": Rule("secrets", "error", "a private key"),
    "aws_key": Rule("secrets", "error", "an access key of AWS"),
    "github_token": Rule("secrets", "error", "a token of GitHub"),
    "sk_key": Rule("secrets", "error", "a key of a model's endpoint (sk-...)"),
    "slack_token": Rule("secrets", "error", "a token or a web hook of Slack"),
    "google_key": Rule("secrets", "error", "a key of Google"),
    "stripe_key": Rule("secrets", "error", "a live key of Stripe"),
    "hub_token": Rule("secrets", "error", "a token of the Hugging Face hub"),
    "jwt": Rule("secrets", "error", "a JSON Web Token"),
    "url_password": Rule("secrets", "error", "a password inside an address"),
    "assigned_secret": Rule("secrets", "warning", "a random-looking value under a name such as password or token"),
    "licence_missing": Rule("licence", "warning", "no field and no file beside the data says under which licence it is"),
}
"""Every rule, in the order in which cards show them."""


def found(rule: str, at: int | None, evidence: str, severity: Severity | None = None) -> Finding:
    """A finding of a rule."""
    return Finding(rule, at, evidence, severity or RULES[rule].severity)
