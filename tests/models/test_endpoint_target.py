"""Model strings: what they say, and that mistakes and secrets in them are told apart."""

from __future__ import annotations

import pytest

from artificer.core.errors import ArtificerError
from artificer.models.base import Model
from artificer.models.endpoints.target import target_of

URL = "http://localhost:8000/v1"


def test_a_name_an_address_and_options() -> None:
    target = target_of(
        "openai",
        f"org/m@v2@{URL}/,http://b:1/v1?parallel=256&start=8&requests=10&tokens=20&usd=5.5&price_in=1&price_out=2.25&tries=3&timeout=9&sticky=off",
    )
    assert (target.model, target.urls) == ("org/m@v2", (URL, "http://b:1/v1"))
    assert target.name("openai") == f"openai:org/m@v2@{URL},http://b:1/v1"
    assert (target.parallel, target.start, target.sticky, target.patience.tries, target.patience.timeout_s) == (256, 8, "", 3, 9)
    assert (target.caps.requests, target.caps.tokens, target.caps.usd, target.caps.price_in, target.caps.price_out) == (10, 20, 5.5, 1, 2.25)


def test_values_are_percent_encoded_where_they_must_be() -> None:
    assert target_of("openai", f'm@{URL}?body.stop=["%26","a=b"]').body == {"stop": ["&", "a=b"]}


def test_an_address_may_be_left_out_where_there_is_a_usual_one() -> None:
    assert target_of("anthropic", "claude?tries=2", "https://usual/v1").urls == ("https://usual/v1",)
    assert target_of("anthropic", f"claude@{URL}", "https://usual/v1").urls == (URL,)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"m@{URL}?paralel=3", "did you mean parallel"),
        (f"m@{URL}?parallel=many", "whole number"),
        (f"m@{URL}?parallel=0", "from 1 on"),
        (f"m@{URL}?parallel=3&parallel=4", "twice"),
        (f"m@{URL}?parallel", "OPTION=VALUE"),
        (f"m@{URL}?usd=5", "price_out"),
        (f"m@{URL}?usd=-5&price_out=1", "a number"),
        (f"m@{URL}?token_ids=yes", "neither 0 nor 1"),
        (f"m@{URL}?sticky=a b", "no header"),
        (f"m@{URL}?body.seed=low", "not JSON"),
        (f"m@{URL}?body.messages=[]", "cannot be set"),
        (f"m@{URL}?key=NO_SUCH_VARIABLE", "NO_SUCH_VARIABLE is not set"),
        (f"m@{URL}?key=A,B", "1 addresses and 2 keys"),
        (f"m@{URL}?header.X-Gate-Key=$" + "{NO_SUCH_VARIABLE}", "NO_SUCH_VARIABLE is not set"),
        (f"m@{URL},{URL}", "twice"),
        (f"m@{URL},ftp://x", "names no endpoint"),
        ("m@localhost:8000", "names no endpoint"),
        (f"@{URL}", "names no endpoint"),
    ],
)
def test_mistakes_say_what_to_write(text: str, says: str) -> None:
    with pytest.raises(ArtificerError, match=says) as raised:
        target_of("openai", text)
    assert raised.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        "m@https://ana:s3cr3t-value@host/v1",
        f"m@{URL}?key=sk-s3cr3t-value",
        f"m@{URL}?key=s3cr3tvalue",
        f"m@{URL}?header.Authorization=Bearer%20s3cr3t-value",
    ],
)
def test_secrets_are_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ArtificerError) as raised:
        Model.of(f"openai:{text}")
    assert "s3cr3t" not in str(raised.value)


def test_keys_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    model = Model.of(f"openai:m@{URL}")
    assert model.name == f"openai:m@{URL}"
    assert "sk-very" not in repr(model) + model.name
