"""Addresses and numbers in texts that are not meant for them give way to marks.

What looks like an e-mail address becomes ``[email]``, what looks like a telephone
number ``[phone]``. Work is linear in the length of a text, whatever is in it, and a
text in which marks stand is left as it is.
"""

import binascii
import itertools
import re
from collections.abc import Iterator
from urllib.parse import unquote

from warehouse.adapters.quoting import sql_text
from warehouse.contacts import is_possible_number, is_valid_number

EMAIL, PHONE = "[email]", "[phone]"
SHORT = 5  # bytes: a text of so few holds neither
_MARK = re.compile(r"\[(email|phone)\]")

# A percent sign may itself be encoded, several times over.
_PERCENT = "%(?:25){0,3}"
_AT = re.compile(
    rf"[@\uff20]|{_PERCENT}40|{_PERCENT}EF{_PERCENT}BC{_PERCENT}A0"
    r"|\\{1,4}u0040",
    re.IGNORECASE,
)
# The part before the at is read from its end: its letters and codes stand reversed.
# It ends where another code does, or an escape of JSON.
_CODE_REVERSED = "(?:52){0,3}%"
_LOCAL_REVERSED = re.compile(
    rf"(?:(?:[BDE]2|[0-9]3|[1-9A-F]4|[0-9AF]5|[1-9A-F]6|[0-9AE]7|[0-9A-F][89A-F])"
    rf"{_CODE_REVERSED}"
    rf"|(?![0-9A-F]{{2}}{_CODE_REVERSED})(?!.\\)(?![0-9A-F]{{4}}u\\)"
    r"(?:[\w.+~-]|'(?=\w))){1,64}",
    re.IGNORECASE,
)
_LOCAL_LENGTH = 1024  # of as many codes as there may be, and what is before them
_LABEL = rf"(?:[\w-]|{_PERCENT}(?:2D|3[0-9]|[46][1-9A-F]|[57][0-9A]|[89A-F][0-9A-F]))++"
_DOT = rf"(?:[.\uff0e\u3002]|{_PERCENT}2E)"
_DOMAIN = re.compile(rf"{_LABEL}(?:{_DOT}{_LABEL}){{1,10}}", re.IGNORECASE)
_DOTS = re.compile(_DOT, re.IGNORECASE)
_TOP_LEVEL = re.compile(r"[^\W\d_][\w-]+")
_VERSION = re.compile(r"v?\d+\.\d")  # of a package: lodash@4.17.21-rc.beta
_FILE_ENDING = re.compile(
    "avif|bmp|bz2|css|csv|docx?|gif|gz|html?|ico|jpe?g|js|jsonl?|map|mjs|mp[34]|ndjson"
    "|parquet|pdf|php|png|svg|tar|tsv|ttf|txt|webm|webp|woff2?|xlsx?|xml|zip|zst",
    re.IGNORECASE,
)

# Three letters of base64, in any of its three phases, that stand for an at between
# characters of an address; no number and no lower-case hex has them.
_AT_IN_BASE64 = r"(?:Q[C-H]|[L-Za-e][EUk0][AB]|[BFJNRVZdhlptx159]A[L-Za-e])"
_HAS_AT_IN_BASE64 = re.compile(_AT_IN_BASE64)
_MIN_TOKEN, _MIN_HELD = 12, 8  # letters; shorter ones would be found by chance
_TOKEN = re.compile(
    r"\\(?:u[0-9A-Fa-f]{4}|.)"  # an escape of JSON is no part of it
    rf"|(?P<letters>[A-Za-z0-9+_-]{{{_MIN_TOKEN},}})(?:=|{_PERCENT}3[Dd]){{0,2}}"
)
_URL_SAFE = str.maketrans("-_", "+/")

# Where a number may begin: not within a word, but after a code or an escape.
_BEFORE = r"(?:(?<!\w)|(?<=%[0-9A-Fa-f]{2})|(?<=%25[0-9A-Fa-f]{2})|(?<=\\[nrtbf]))"
_ENCODED_PLUS = rf"{_PERCENT}2[Bb]"
_CODE = re.compile(rf"{_PERCENT}[0-9A-Fa-f]{{2}}")
_GAP = rf"(?:[ \u00a0\u202f().\-/]|{_PERCENT}(?:20|28|29|2[Dd]))"
_FORM_GAP = rf"(?:\+|{_GAP})"  # in a query, where a plus is a space
_INTERNATIONAL = re.compile(
    rf"(?:{_BEFORE}\+[ (]?(?P<plain>[1-9](?:{_GAP}{{0,3}}\d){{7,15}})"
    rf"|{_ENCODED_PLUS}[+(]?(?P<form>[1-9](?:{_FORM_GAP}{{0,3}}\d){{7,15}})"
    # Two zeros begin a hash, too, which goes on with letters.
    rf"|{_BEFORE}(?<![.,:+/-])00(?P<zeros>[1-9](?:{_GAP}{{0,3}}\d){{7,15}})(?!\w))"
    r"(?!\d)"
)
_TRUNK_ZERO = re.compile(rf"(?:\(|{_PERCENT}28)0(?:\)|{_PERCENT}29)")
_NAMES = (
    "(?:phone|tel|telefon|telephone|mobil|mobile|cell|msisdn|handy|fax|whatsapp)"
    "(?:[_.-]?(?:number|nummer|num|no|nr))?"
)
_NAMED = re.compile(
    rf"(?:(?:{_BEFORE}|(?<=_)|(?<=[a-z])(?=[PTMCHFW]))(?i:{_NAMES})"
    rf"(?:\]|%5[Dd])?(?:=|: |{_PERCENT}3[Dd])|{_BEFORE}[Tt]el:)"
    rf"(?P<number>(?:\+|{_ENCODED_PLUS})?\(?\d(?:{_FORM_GAP}{{0,3}}\d){{6,14}})(?!\w)"
)


def redact(text: str) -> str:
    """Replace the addresses and numbers in a text by marks.

    Addresses are found in clear, percent-encoded (once or more), with an at of full
    width, and within tokens of base64; numbers where they are international, or follow
    a name as in ``phone=`` or ``tel:``. A text that is JSON stays JSON.

    >>> redact("https://shop.example/?q=1&mail=ann%40example.org#+49 170 1234567")
    'https://shop.example/?q=1&mail=[email]#[phone]'
    >>> redact("/unsubscribe/YW5uQGV4YW1wbGUub3Jn"), redact("/img/logo@2x.png")
    ('/unsubscribe/[email]', '/img/logo@2x.png')
    """
    text = _replaced(text, _addresses(text), EMAIL)
    is_dense = "=" in text or " " not in text or text.startswith("{")
    if is_dense and _HAS_AT_IN_BASE64.search(text):
        text = _TOKEN.sub(_without_address, text)
    text = _replaced(text, _international_numbers(text), PHONE)
    named = (found.span("number") for found in _NAMED.finditer(text))
    return _replaced(text, named, PHONE)


def looks_personal(text: str, *, is_joined: bool = False) -> str:
    """Tell in SQL, and fast, whether `redact` may find something in a text.

    Most texts are only searched for a few letters. Base64 is not looked for in running
    text, as titles and user agents are; but where several texts are joined, any may be
    another.
    """

    def has(letters: str) -> str:
        return f"contains({text}, {sql_text(letters)})"

    def matches(condition: str, pattern: str) -> str:
        found = f"regexp_matches({text}, {sql_text(pattern)})"
        return f"case when {condition} then {found} else false end"

    is_dense = f"({has('=')} or not {has(' ')} or starts_with({text}, '{{'))"
    may_be_token = f"strlen({text}) >= {_MIN_TOKEN} and lower({text}) <> {text}"
    if not is_joined:
        may_be_token = f"{may_be_token} and {is_dense}"
    may_name = " or ".join(map(has, ("=", ": ", "el:", "%")))
    name = rf"(?i){_NAMES}(?:\]|%5D)?(?:[=:]|%(?:25)*3D).{{0,20}}[0-9]"
    signs = [
        has("@"),
        has("\uff20"),
        matches(has("%"), "(?i)%(?:25)*(?:40|2B|EF)"),
        matches(has("+"), r"\+[ (]?[1-9]"),
        matches(
            has("00"), r"(?:^|[^\w.,:+/-]|%(?:25)?[0-9A-Fa-f]{2}|\\[nrtbf])00[1-9]"
        ),
        matches(may_name, name),
        matches(may_be_token, _AT_IN_BASE64),
    ]
    return f"(strlen({text}) > {SHORT} and ({' or '.join(signs)}))"


def mark_with(redacted: str, word: str) -> str:
    """Write a word into each mark.

    >>> mark_with("export_[email].csv", "1f2e3d4c")
    'export_[email~1f2e3d4c].csv'
    """
    return _MARK.sub(lambda mark: f"[{mark[1]}~{word}]", redacted)


def has_mark(name: str) -> bool:
    """Tell whether a name may be another one, of which something was redacted.

    >>> has_mark("export_[email~1f2e3d4c].csv"), has_mark("export.csv")
    (True, False)
    """
    return "[email" in name or "[phone" in name


def redact_header(line: str) -> str:
    """Redact the names of columns, of which no two become the same."""
    n_marks = itertools.count(1)
    return _MARK.sub(lambda mark: f"[{mark[1]} {next(n_marks)}]", redact(line))


def _replaced(text: str, spans: Iterator[tuple[int, int]], mark: str) -> str:
    """Put a mark in place of each span; they follow each other."""
    parts, done = [], 0
    for start, end in spans:
        parts += [text[done:start], mark]
        done = end
    return "".join([*parts, text[done:]]) if parts else text


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    """Find e-mail addresses: from each at to both sides."""
    end = 0
    for at in _AT.finditer(text):
        domain = _DOMAIN.match(text, at.end())
        length = _address_length(domain[0]) if domain else 0
        if not length or at.start() < end:
            continue
        before = text[max(end, at.start() - _LOCAL_LENGTH) : at.start()]
        if local := _LOCAL_REVERSED.match(before[::-1]):
            end = at.end() + length
            yield at.start() - local.end(), end


def _address_length(domain: str) -> int:
    """Tell how much of what follows an at is a domain; 0 if nothing is.

    The ending of a file is no part of it, nor is what cannot be a top level.
    """
    if _VERSION.match(domain):
        return 0
    length = len(domain)
    for dot in reversed(list(_DOTS.finditer(domain))):
        label = unquote(domain[dot.end() : length].replace("%25", "%"))
        if _TOP_LEVEL.fullmatch(label) and not _FILE_ENDING.fullmatch(label):
            return length
        length = dot.start()
    return 0


def _without_address(token: re.Match[str]) -> str:
    """Replace a token of base64 that holds an address, wherever it begins in it."""
    letters = token["letters"] or ""
    if not _HAS_AT_IN_BASE64.search(letters):
        return token[0]
    for phase in range(4):
        part = letters[phase:].translate(_URL_SAFE)
        part = part[: len(part) - (len(part) % 4 == 1)]
        held = binascii.a2b_base64(f"{part}==").decode("utf-8", errors="replace")
        if any(end - start >= _MIN_HELD for start, end in _addresses(held)):
            return EMAIL
    return token[0]


def _international_numbers(text: str) -> Iterator[tuple[int, int]]:
    """Find numbers with the code of a country that are as long as they are there."""
    found = _INTERNATIONAL.search(text)
    while found:
        group = found.lastgroup or ""
        length = _number_length(found[group], is_bare=group == "zeros")
        end = found.start(group) + length
        if length:
            yield found.start(), end
        found = _INTERNATIONAL.search(text, end if length else found.start() + 1)


def _number_length(written: str, *, is_bare: bool) -> int:
    """Tell how much of what looks like a number is one; 0 if nothing is."""
    if is_bare and written.isdigit():  # may be an order or an EAN with zeros before it
        is_number = not written.startswith("1") and is_valid_number(written)
        return len(written) if is_number else 0
    for end in reversed([last.end() for last in re.finditer(r"\d(?!\d)", written)]):
        plain = _CODE.sub(" ", _TRUNK_ZERO.sub("", written[:end]))
        if is_possible_number(re.sub(r"\D", "", plain)):
            return end
    return 0
