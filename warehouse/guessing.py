"""Which adapter a dump is for, and which of its columns is which, by their names."""

import re
from functools import cache

from warehouse.home import read_yaml
from warehouse.sources import MAPS, REQUIRED, field_types

# Names that others have for our fields, as words run together.
_SYNONYMS = {
    "event_id": "eventid messageid eventuuid uuid insertid hitid eid",
    "user_id": "userid customerid customer customerno customernumber clientid memberid "
    "accountid contactid user uid buyerid subscriberid personid contact member account",
    "anonymous_id": "anonymousid deviceid visitorid cookieid clientcookie distinctid "
    "userpseudoid fingerprint did",
    "session_id": "sessionid visitid session sess",
    "page_view_id": "pageviewid pageviewuuid viewid",
    "event_name": "eventname event eventtype action activity name",
    "occurred_at": "occurredat timestamp eventtime eventtimestamp time ts at date "
    "datetime createdat created clienttime t",
    "received_at": "receivedat servertime collectedat ingestedat loadedat",
    "email": "email emailaddress mail useremail customeremail",
    "phone": "phone phonenumber telephone tel mobile msisdn customerphone",
    "page_url": "pageurl url pagelocation currenturl location",
    "page_title": "pagetitle title",
    "referrer": "referrer referer pagereferrer",
    "utm_source": "utmsource trafficsource",
    "utm_medium": "utmmedium",
    "utm_campaign": "utmcampaign campaign",
    "user_agent": "useragent",
    "device_type": "devicetype device devicecategory platform",
    "ip": "ip ipaddress clientip",
    "country": "country countrycode geocountry shippingcountry cc",
    "product_id": "productid sku itemid article articleno stockcode product variantid",
    "product_name": "productname itemname description lineitemname",
    "category": "category productcategory department itemcategory",
    "price": "price itemprice amount",
    "quantity": "quantity qty count units",
    "order_id": "orderid orderno ordernumber order invoiceno invoice transactionid "
    "number",
    "revenue": "revenue total ordertotal totalprice",
    "currency": "currency currencycode",
    "items": "items products lines basket cart",
    "ordered_at": "orderedat orderdate invoicedate purchasedate date createdat created "
    "timestamp",
    "unit_price": "unitprice price itemprice amount revenue",
    "is_cancelled": "iscancelled cancelled canceled",
    "name": "name fullname customername",
    "first_name": "firstname givenname forename",
    "last_name": "lastname surname familyname",
    "birth_date": "birthdate dateofbirth dob birthday",
    "gender": "gender sex",
    "city": "city town",
    "signed_up_at": "signedupat signupdate registeredat createdat created joinedat",
    "updated_at": "updatedat lastupdatedat lastupdated updated modifiedat lastmodified "
    "lastmodifiedat modified changedat lastchangedat",
    "purpose": "purpose consentpurpose",
    "decision": "decision consent status",
    "decided_at": "decidedat consentdate timestamp date",
    "policy_version": "policyversion policy",
    "source": "source whereasked",
    "answered_at": "answeredat submittedat timestamp date completedat",
    "question": "question questiontext",
    "answer": "answer response answertext comment",
    "survey_id": "surveyid responseid",
    "rating": "rating score nps",
}
_KINDS = ("order_lines", "events", "consents", "surveys", "users")  # as tried
_EPOCHS = {"s": (9, 10), "ms": (12, 13), "us": (15, 16)}  # digits, 1973 to 2286


@cache
def named_maps() -> dict[str, dict]:
    """Read every named adapter's map, by its name."""
    return {path.stem: read_yaml(path) for path in sorted(MAPS.glob("*.yml"))}


def recognize(names: list[str], n_cells: int) -> str | None:
    """Find the adapter for a dump, by its columns; or by their number, if unnamed.

    Every name of a map's `recognized_by` has to be there; the map with most wins.
    """
    found = {
        adapter: len(known["recognized_by"])
        for adapter, known in named_maps().items()
        if known.get("recognized_by") and set(known["recognized_by"]) <= set(names)
    }
    for adapter, known in named_maps().items():
        if n_cells > 1 and len(known.get("header", [])) == n_cells:
            found.setdefault(adapter, 1)
    return max(found, key=lambda adapter: found[adapter], default=None)


def guess_columns(names: list[str]) -> tuple[str, dict[str, str]]:
    """Guess the kind of a dump, and which column of theirs is which field of ours.

    A name counts for a field if it is one of those that others have for it, alone or as
    the end of a dotted path. The kind is the first of those with most columns, of which
    each field that has to be there and is not takes away two.
    """
    guesses = {kind: _columns_of(kind, names) for kind in _KINDS}

    def fit(kind: str) -> int:
        columns = guesses[kind]
        met = [any(field in columns for field in group) for group in REQUIRED[kind]]
        return len(columns) - 2 * met.count(False)

    kind = max(_KINDS, key=fit)
    return kind, guesses[kind]


def guess_unit(texts: list[str]) -> str | None:
    """Guess whether times are counts since 1970, and of what: as most of them are."""
    counts = [text.split(".")[0] for text in texts]
    for unit, lengths in _EPOCHS.items():
        fitting = [one for one in counts if one.isdecimal() and len(one) in lengths]
        if 2 * len(fitting) > len(counts):
            return unit
    return None


def _columns_of(kind: str, names: list[str]) -> dict[str, str]:
    """Give each field of a kind the likeliest column; no column goes twice."""
    columns: dict[str, str] = {}
    for field in field_types(kind):
        words = [_plain(field), *_SYNONYMS.get(field, "").split()]
        ranked = sorted(
            (words.index(word), name.count("."), name)
            for name in names
            if (word := _matching(name, words)) and name not in columns.values()
        )
        if ranked:
            columns[field] = ranked[0][2]
    return columns


def _matching(name: str, words: list[str]) -> str | None:
    """Find which of the words a name is, or what is left of it after its path."""
    plain = [_plain(name), _plain(name.split(".")[-1])]
    tail = "".join(map(_plain, name.split(".")[-2:]))
    return next((word for word in (plain[0], tail, plain[1]) if word in words), None)


def _plain(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "", name.lower())
