"""Checksums of numbers that name people and accounts. Each takes the bare number and says whether its checksum is right."""

from __future__ import annotations

import re
from datetime import date

_IBAN_LENGTHS = {
    name: int(size)
    for name, size in re.findall(
        r"([A-Z]{2}):(\d+)",
        "AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24 DE:22 DK:18 DO:28 EE:20 EG:29 ES:24 FI:18 "
        "FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27 GT:28 HR:21 HU:28 IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 LB:28 LI:21 LT:20 LU:20 "
        "LV:21 MC:27 MD:24 ME:22 MK:19 MR:27 MT:31 MU:30 NL:18 NO:15 PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 SA:24 SE:24 SI:19 SK:24 SM:27 "
        "TN:24 TR:26 UA:29 VA:22 XK:20",
    )
}
"""Lengths by country (SWIFT's registry of IBANs)."""
_CARDS = re.compile(
    r"4\d{12}(?:\d{3})?(?:\d{3})?|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}"
    r"|6(?:011|5\d\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
)
"""Issuers' ranges: Visa, Mastercard (two), American Express, Diners, Discover, JCB, UnionPay."""
TEST_CARDS = frozenset(
    re.findall(
        r"\d+",
        "4111111111111111 4242424242424242 4012888888881881 4000056655665556 4222222222222 5555555555554444 5200828282828210 5105105105105100 "
        "2223003122003222 378282246310005 371449635398431 6011111111111117 6011000990139424 3056930009020004 30569309025904 38520000023237 "
        "3566002020360505 3530111333300000 6200000000000005",
    )
)
"""Numbers that payment services publish for tests."""


def luhn(digits: str) -> bool:
    """ISO/IEC 7812: counted from the right, every second digit is doubled and its digits are added; the sum is divisible by 10."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def card(digits: str) -> bool:
    """A payment card's number: in an issuer's range, with the right check digit."""
    return _CARDS.fullmatch(digits) is not None and luhn(digits)


def iban(text: str) -> bool:
    """ISO 13616: of the country's length, and with the first four characters moved to the end and letters as 10 to 35 it is 1 modulo 97."""
    if _IBAN_LENGTHS.get(text[:2]) != len(text):
        return False
    return int("".join(str(int(letter, 36)) for letter in text[4:] + text[:4])) % 97 == 1


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights))


def _day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def cpf(digits: str) -> bool:
    """Brazil: two check digits, each 11 minus the weighted sum modulo 11 (0 for 10 and 11)."""
    if len(set(digits)) == 1:
        return False
    for size in (9, 10):
        rest = _weighted(digits[:size], tuple(range(size + 1, 1, -1))) * 10 % 11 % 10
        if rest != int(digits[size]):
            return False
    return True


def dni(text: str) -> bool:
    """Spain: DNI and NIE. The letter at place number modulo 23; X, Y, Z in front stand for 0, 1, 2."""
    number = text[:-1].translate(str.maketrans("XYZ", "012"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == text[-1]


def pesel(digits: str) -> bool:
    """Poland: a date of birth (the month tells the century) and a check digit of weights 1 3 7 9."""
    year, month, day = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    century = {0: 1900, 1: 2000, 2: 2100, 3: 2200, 4: 1800}[month // 20]
    return _day(century + year, month % 20, day) and (10 - _weighted(digits[:10], (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10) % 10 == int(digits[10])


def resident(text: str) -> bool:
    """China: a date of birth and a check character (ISO 7064, MOD 11-2)."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return _day(int(text[6:10]), int(text[10:12]), int(text[12:14])) and "10X98765432"[_weighted(text[:17], weights) % 11] == text[17]


def personnummer(digits: str) -> bool:
    """Sweden: ten digits, a date of birth (60 is added to the day of a coordination number) and Luhn's check digit."""
    day = int(digits[4:6])
    return _day(2000 + int(digits[:2]), int(digits[2:4]), day - 60 if day > 60 else day) and luhn(digits)


def nir(digits: str) -> bool:
    """France: 13 digits (sex, year and month of birth, place, order) and the key, 97 minus the number modulo 97."""
    return digits[0] in "12" and 1 <= int(digits[3:5]) <= 12 and 97 - int(digits[:13]) % 97 == int(digits[13:])


def nhs(digits: str) -> bool:
    """United Kingdom, NHS number: weights 10 to 2, 11 minus the sum modulo 11 (11 counts as 0, 10 is never given)."""
    rest = 11 - _weighted(digits[:9], (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return len(set(digits)) > 1 and rest % 11 == int(digits[9]) and rest != 10


_D = [[(a + b) % 5 if a < 5 and b < 5 else 0 for b in range(10)] for a in range(10)]
for _a in range(10):
    for _b in range(10):  # the dihedral group of order 10: rotations 0 to 4, reflections 5 to 9
        _r, _s = _a % 5, _b % 5
        _D[_a][_b] = ((_r + _s) % 5 if _a < 5 else (_r - _s) % 5) + (5 if (_a < 5) != (_b < 5) else 0)
_P = [list(range(10)), [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
for _ in range(6):
    _P.append([_P[-1][_P[1][_x]] for _x in range(10)])


def aadhaar(digits: str) -> bool:
    """India: twelve digits, the first 2 to 9, that Verhoeff's scheme (1969) takes to 0."""
    at = 0
    for place, digit in enumerate(reversed(digits)):
        at = _D[at][_P[place % 8][int(digit)]]
    return digits[0] > "1" and at == 0


def codice(text: str) -> bool:
    """Italy: sixteen characters, the last of which is the sum of odd and even places' values modulo 26."""
    odd = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21) * 2, strict=False))
    odd |= dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)))
    total = 0
    for place, letter in enumerate(text[:15]):
        total += odd[letter] if place % 2 == 0 else int(letter) if letter.isdigit() else ord(letter) - 65
    return chr(65 + total % 26) == text[15]


def hetu(text: str) -> bool:
    """Finland: a date of birth, a century's sign, and a check character: the nine digits modulo 31."""
    digits = text[:6] + text[7:10]
    return 1 <= int(text[:2]) <= 31 and 1 <= int(text[2:4]) <= 12 and "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(digits) % 31] == text[10]


def ssn(text: str) -> bool:
    """United States: no checksum; areas 000, 666 and 900 to 999, group 00 and serial 0000 are never given."""
    area, group, serial = text.split("-")
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


NATIONAL = tuple(
    (what, re.compile(form), right)
    for what, form, right in (
        ("Italy's codice fiscale", r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", codice),
        ("Brazil's CPF", r"\d{3}\.\d{3}\.\d{3}-\d{2}", cpf),
        ("Spain's DNI or NIE", r"(?:\d{8}|[XYZ]-?\d{7})-?[A-HJ-NP-TV-Z]", dni),
        ("Poland's PESEL", r"\d{11}", pesel),
        ("China's resident number", r"[1-9]\d{5}(?:19|20)\d{9}[\dX]", resident),
        ("Sweden's personnummer", r"(?:19|20)?\d{6}[-+]\d{4}", personnummer),
        ("Finland's HETU", r"\d{6}[-+A]\d{3}[0-9A-FHJ-NPR-Y]", hetu),
        ("France's NIR", r"[12] ?\d{2} ?\d{2} ?\d{2} ?\d{3} ?\d{3} ?\d{2}", nir),
        ("an NHS number", r"\d{3} \d{3} \d{4}", nhs),
        ("India's Aadhaar", r"[2-9]\d{3} \d{4} \d{4}(?! \d)", aadhaar),
        ("a US social security number", r"\d{3}-\d{2}-\d{4}", ssn),
    )
)
"""National numbers: what they are, how they are written, and whether one is real. Only forms that more than a checksum tells from other numbers: bare
nine or ten digits pass a check digit once in ten times, and are not looked for.
"""
NATIONAL_FORMS = re.compile(rf"(?<![\w.-])(?=[0-9A-Z])(?:{'|'.join(pattern.pattern for _, pattern, _ in NATIONAL)})(?![\w-]|\.\d)")
"""Any of these forms, standing by itself."""
