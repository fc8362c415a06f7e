"""Fields that nobody mapped, but whose names say that they are personal."""

import json
import re
from functools import lru_cache

from warehouse.adapters.quoting import split_path, sql_text
from warehouse.raw_tables import WITHHELD

# The last words of a name, in lower case, without a number after them.
_PERSONAL = re.compile(
    r"""(?:^|\ )(?:
    (?:first|last|full|given|family|middle|maiden|fore|sur|birth|legal|real|nick|user
      |customer|client|contact|recipient|person|holder|billing|shipping|display|to|from
      |sender|receiver|employee|kunde|kunden)\ ?name
    | vorname | nachname | geburtsname | contact\ ?person | ansprechpartner(?:in)?
    | kontakt | empf(?:ä|ae)nger | employee
    | e\ ?mail(?:\ ?(?:address|adresse))?
    | (?:tele)?(?:phone|fon)(?:\ ?(?:number|nummer|no|nr))? | contact\ ?(?:number|no)
    | (?:cell|mobile|whats\ ?app)\ ?(?:number|no)?
    | (?:handy|mobil|ruf)\ ?(?:nummer|nr) | handy
    | fax(?:\ ?(?:number|no))? | msisdn
    | (?:street|strasse|straße)(?:\ ?(?:name|number|no))?
    | (?:address|addr|adresse|anschrift)(?:\ ?line)?
    | house\ ?(?:number|no) | hausnummer
    | zip(?:\ ?code)? | post(?:al)?\ ?code | plz
    | birth(?:\ ?(?:date|day|place))? | (?:date|place)\ of\ birth | dob | born(?:\ on)?
    | geburts(?:datum|tag|ort)
    | ip(?:\ ?(?:address|addr|v))? | x\ forwarded\ for
    | ssn | social\ security(?:\ ?(?:number|no))? | passport(?:\ ?(?:number|no))?
    | (?:tax|national|personal)\ ?(?:id|number) | iban | card\ ?number
    )\Z""",
    re.VERBOSE,
)
_WHOLE = {"mail"}
_COARSE = ("geo ", "geoip ", "ip geo")  # where an IP address is from, as trackers tell
# In a customer list, or in an object of a person; elsewhere a product has a name, too.
_OF_A_PERSON = {"name"}
_PERSONS = {"traits", "user", "person", "customer", "profile", "contact", "recipient"}
_NAME_OF_A_PERSON = "$name"  # of trackers whose own fields begin with a dollar
# Whatever `_PERSONAL` finds has one of these in it, or is spelled with an escape.
_STEMS = (
    "name|mail|fon|phone|cell|mobil|handy|ruf|whats|contact|kontakt|ansprech|empf"
    "|employee|fax|msisdn|stra|street|add?r|anschrift|house|haus"
    "|zip|post|plz|birth|dob|born|geburt|forwarded|ssn|social|passport|tax|national"
    r"|personal|iban|number|[^a-z]ip|\\u00"
)
_MAYBE_PERSONAL = rf'(?:(?i:{_STEMS})|I[Pp])[^":]{{0,24}}"\s*:'
_CAMEL = re.compile(r"(?<=[a-zß-ÿ\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORD = re.compile(r"[\W_]+")
_TOKEN = re.compile(
    r"""(?P<key>"(?:[^"\\]|\\.)*")\s*: | "(?:[^"\\]|\\.)*"
    | (?P<open>[\[{]) | (?P<close>[\]}]) | [^\s,:\[\]{}"]+""",
    re.VERBOSE,
)
_MAYBE_JSON = ('"{', '"[')
_SAYS_NOTHING = {"null", "true", "false", '""'}


def is_personal_name(name: str) -> bool:
    """Tell whether a field is personal by its name, in whatever style that is written.

    >>> [name for name in ("customer_firstName", "zipped", "Billing ZIP", "clientIp2")
    ...  if is_personal_name(name)]
    ['customer_firstName', 'Billing ZIP', 'clientIp2']
    """
    words = _words(name)
    if words.startswith(_COARSE):
        return False
    return words in _WHOLE or bool(_PERSONAL.search(words))


@lru_cache(maxsize=2**12)
def _words(name: str) -> str:
    """Write a name as words in lower case, without a number at the end."""
    parted = _NO_WORD.sub(" ", _CAMEL.sub(" ", name))
    return parted.strip().lower().rstrip("0123456789 ")


def withhold(text: str, kept: list[str], *, of_persons: bool) -> tuple[str, list[str]]:
    """Replace the values of personal fields in a JSON object, at any depth.

    All else stays as it was written, to the last digit.

    Parameters
    ----------
    text : str
        The object, as JSON.
    kept : list of str
        Dotted paths of fields that stay, whatever they are called.
    of_persons : bool
        Whether the object describes a person, so that a mere `name` is a person's.

    Returns
    -------
    tuple of str and list of str
        The object without those values, and their names.

    >>> withhold('{"plan":"pro","traits":{"e-mail":"ann@example.org"}}', [],
    ...          of_persons=False)
    ('{"plan":"pro","traits":{"e-mail":"[withheld]"}}', ['e-mail'])
    """
    exempt = [parts for path in kept for parts in (split_path(path), [path])]
    pieces: list[str] = []
    names: list[str] = []
    copied_to = 0
    levels: list[str] = []  # the fields around; "" for the object itself and in lists
    name: str | None = None  # of the field whose value comes next
    begin: int | None = None  # of a list or object that is withheld
    depth = 0  # of that

    def is_withheld() -> bool:
        if name is None or [*levels[1:], name] in exempt:
            return False
        if is_personal_name(name) or name == _NAME_OF_A_PERSON:
            return True
        is_of_person = of_persons or _words(levels[-1] if levels else "") in _PERSONS
        return is_of_person and _words(name) in _OF_A_PERSON

    def replace(start: int, end: int, value: str) -> None:
        nonlocal copied_to
        pieces.extend([text[copied_to:start], json.dumps(value)])
        copied_to = end

    for token in _TOKEN.finditer(text):
        if token["key"]:
            name = json.loads(token["key"])
            continue
        if token["close"]:
            levels.pop()
            if begin is not None and len(levels) == depth:
                replace(begin, token.end(), WITHHELD)
                begin = None
        else:
            is_said = token[0] not in _SAYS_NOTHING
            if begin is None and is_said and is_withheld():
                names.append(name or "")
                if token["open"]:
                    begin, depth = token.start(), len(levels)
                else:
                    replace(token.start(), token.end(), WITHHELD)
            elif begin is None and token[0][:2] in _MAYBE_JSON:
                inner, inner_names = _withhold_inside(token[0], of_persons=of_persons)
                if inner_names:
                    names += inner_names
                    replace(token.start(), token.end(), inner)
            if token["open"]:
                levels.append(name or "")
        name = None
    return "".join([*pieces, text[copied_to:]]), names


def _withhold_inside(token: str, *, of_persons: bool) -> tuple[str, list[str]]:
    """Replace the values of personal fields in a text that holds JSON itself."""
    inner = json.loads(token)
    try:
        json.loads(inner)
    except (ValueError, RecursionError):
        return inner, []
    return withhold(inner, [], of_persons=of_persons)


def may_be_personal(attributes: str) -> str:
    """Tell in SQL, and fast, whether a JSON object may have a personal field."""
    return f"regexp_matches({attributes}::varchar, {sql_text(_MAYBE_PERSONAL)})"
