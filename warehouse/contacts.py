"""E-mail addresses and telephone numbers, each written one way before it is hashed."""

import re
import unicodedata
from functools import lru_cache

_OUTLOOK = re.compile(
    r"(?:outlook|hotmail|live)\.(?:com(?:\.ar|\.au|\.br|\.mx|\.tr)?|co\.(?:jp|kr|uk|za)"
    r"|at|be|ca|cl|cz|de|dk|es|fi|fr|gr|hu|ie|in|it|nl|no|pt|ru|se|sg)"
)
SAME_DOMAIN = {"googlemail.com": "gmail.com"}
IGNORES_DOTS = frozenset({"gmail.com"})
HAS_PLUS_TAGS = frozenset(
    {
        *("gmail.com", "msn.com"),
        *("icloud.com", "me.com", "mac.com"),
        *("fastmail.com", "fastmail.fm"),
        *("proton.me", "protonmail.com", "protonmail.ch", "pm.me"),
        *("yandex.com", "yandex.ru", "ya.ru"),
    }
)
# The part before the at of addresses that nobody has, or that are everybody's.
PLACEHOLDERS = frozenset(
    {
        *("unknown", "none", "null", "nil", "na", "n/a", "undefined", "invalid"),
        *("nobody", "noone", "anonymous", "anonym", "guest", "gast"),
        *("noemail", "no-email", "nomail", "no-mail", "keine", "notprovided"),
        *("noreply", "no-reply", "donotreply", "do-not-reply"),
        *("test", "tester", "testing", "asdf"),
    }
)


def normalize_email(text: str) -> str:
    """Write an address as one and the same however it was typed.

    Case, width and space around it are ignored everywhere, and a domain in other
    letters is written in ASCII. What comes after a plus is cut, and dots are, only
    where the provider says that the mail arrives in the same box: Gmail ("Dots don't
    matter in Gmail addresses"; googlemail.com is the same; plus tags), Outlook.com and
    its older names, iCloud, Fastmail ("Plus addressing"), Proton ("+ aliases") and
    Yandex. Of others nobody knows: `a.b@example.org` is not `ab@example.org`.

    >>> normalize_email(" Ann.Lee+news@GoogleMail.com ")
    'annlee@gmail.com'
    >>> normalize_email("Ann.Lee+news@Example.ORG")
    'ann.lee+news@example.org'
    """
    plain = unicodedata.normalize("NFKC", text).strip().lower()
    local, at, domain = plain.rpartition("@")
    if not at:
        return plain
    domain = _ascii_domain(domain)
    domain = SAME_DOMAIN.get(domain, domain)
    if domain in HAS_PLUS_TAGS or _OUTLOOK.fullmatch(domain):
        local = local.partition("+")[0] or local
    if domain in IGNORES_DOTS:
        local = local.replace(".", "") or local
    return f"{local}@{domain}"


def normalize_phone(text: str, region: str | None = None) -> str:
    """Write a number as E.164 does; if it is none, keep its digits and the plus.

    Parameters
    ----------
    text : str
        A number as somebody typed it.
    region : str, optional
        The country, as DE, that a number without a country code is of; by default such
        a number keeps its digits.

    >>> normalize_phone("0049 (0)170 / 123-4567"), normalize_phone("+1 800 FLOWERS")
    ('+491701234567', '+18003569377')
    >>> normalize_phone("0170 1234567", "DE"), normalize_phone("0170 1234567")
    ('+491701234567', '01701234567')
    """
    import phonenumbers  # here: most commands never see a number

    text = unicodedata.normalize("NFKC", text).strip()
    international = f"+{text[2:]}" if text.startswith("00") else text
    for written, where in ((international, None), (text, region)):
        try:
            number = phonenumbers.parse(written, where)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(number):
            e164 = phonenumbers.PhoneNumberFormat.E164
            return phonenumbers.format_number(number, e164)
    digits = re.sub(r"\D", "", international, flags=re.ASCII)
    if international.startswith("+"):
        return f"+{digits}"
    return normalize_phone(digits, region) if digits.startswith("00") else digits


def is_placeholder(kind: str, normal: str) -> bool:
    """Tell whether an address or number stands for that there is none.

    >>> is_placeholder("email", "no-reply@shop.example")
    True
    >>> [is_placeholder("phone", number) for number in ("+4900000000", "+491701234567")]
    [True, False]
    """
    if kind == "email":
        return normal.partition("@")[0] in PLACEHOLDERS
    digits = normal.lstrip("+")
    return len(set(digits[-7:])) == 1


def check_region(code: str | None) -> str | None:
    """Refuse a country that has no telephone numbers of its own."""
    import phonenumbers

    if code is not None and code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"{code!r} is not the code of a country, as DE")
    return code


def is_possible_number(digits: str) -> bool:
    """Tell whether digits are a country's code and as many more as are usual there."""
    for length in (1, 2, 3):  # no code begins as another
        if usual := _usual_lengths(digits[:length]):
            return len(digits) - length in usual
    return False


def is_valid_number(digits: str) -> bool:
    """Tell whether digits are a country's code and a number that may be given there."""
    import phonenumbers

    if not is_possible_number(digits):
        return False
    return phonenumbers.is_valid_number(phonenumbers.parse(f"+{digits}"))


@lru_cache(maxsize=4096)
def _usual_lengths(code: str) -> frozenset[int]:
    """List how many digits may follow a country's code; none if it is no code."""
    import phonenumbers

    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code or 0))
    if not regions:
        return frozenset()
    of_region = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code
    metadata = of_region(int(code), regions[0])
    usual = metadata.general_desc if metadata else None
    return frozenset(usual.possible_length if usual else ())


@lru_cache(maxsize=4096)
def _ascii_domain(domain: str) -> str:
    """Write a domain as DNS has it, so that both ways of writing it are one."""
    domain = domain.replace("\u3002", ".").rstrip(".")
    if domain.isascii():
        return domain
    labels = [
        label if label.isascii() else f"xn--{label.encode('punycode').decode()}"
        for label in domain.split(".")
    ]
    return ".".join(labels)
