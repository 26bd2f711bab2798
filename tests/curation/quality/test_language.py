"""Languages, on sentences of the kind that people write to agents."""

from __future__ import annotations

import pytest

from artificer.curation.quality.language import LANGUAGES, UNDECIDED, language, scripts

SENTENCES = {
    "en": "I would like to return the lamp that I bought last week, please.",
    "de": "Ich möchte die Lampe zurückgeben, die ich letzte Woche gekauft habe.",
    "fr": "Je voudrais rendre la lampe que j'ai achetée la semaine dernière.",
    "es": "Quiero devolver la lámpara que compré la semana pasada, por favor.",
    "pt": "Gostaria de devolver o candeeiro que comprei na semana passada, não está bom.",
    "it": "Vorrei restituire la lampada che ho comprato la settimana scorsa.",
    "nl": "Ik wil graag de lamp terugsturen die ik vorige week heb gekocht.",
    "pl": "Chciałbym zwrócić lampę, którą kupiłem w zeszłym tygodniu.",
    "tr": "Geçen hafta aldığım lambayı iade etmek istiyorum, bu çok küçük.",
    "vi": "Tôi muốn trả lại chiếc đèn mà tôi đã mua tuần trước.",
    "ru": "Я хочу вернуть лампу: это не тот цвет, который мне был нужен.",
    "uk": "Я хочу повернути лампу, яку купив минулого тижня, її ще не відкривали.",
    "ar": "أريد إرجاع المصباح الذي اشتريته في الأسبوع الماضي.",
    "ja": "先週買ったランプを返品したいです。",
    "zh": "我想退回上周买的台灯。",
    "ko": "지난주에 산 램프를 반품하고 싶어요.",
    "el": "Θέλω να επιστρέψω τη λάμπα που αγόρασα.",
    "he": "אני רוצה להחזיר את המנורה שקניתי.",
    "hi": "मैं पिछले हफ्ते खरीदा हुआ लैंप लौटाना चाहता हूँ।",
    "th": "ฉันต้องการคืนโคมไฟที่ซื้อเมื่อสัปดาห์ที่แล้ว",
}


@pytest.mark.parametrize("code", SENTENCES)
def test_sentences(code):
    assert language(SENTENCES[code]) == code
    assert code in LANGUAGES


@pytest.mark.parametrize("text", ["", "ok", "42", "qwzx vbnm lkjh gfds", "SELECT id FROM t", "{'a': 1}", "🙂🙂🙂", "Ann Bob"])
def test_what_cannot_be_told(text):
    assert language(text) == UNDECIDED


def test_scripts():
    assert scripts("Grüße, мир!") == {"Latin": 5, "Cyrillic": 3}
    assert scripts("日本語 ok") == {"Han": 3, "Latin": 2}
    assert scripts("42") == {}
