"""What user agents say of device, system, browser and robots: each is read once.

ua-parser names systems, browsers and most robots. What it leaves open is in the rules
below: kinds of device, families in our words, more robots, and which words make none.
"""

import re
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import duckdb

from warehouse.connection import transaction
from warehouse.derived_tables import LOOKUPS

MAX_LENGTH = 1000  # of what is read; browsers send up to 500 letters, hostile ones more
BATCH = 10_000

_LIBRARIES = ("ua-parser", "ua-parser-builtins", "ua-parser-rs")

_SYSTEMS = {
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "Mac OS": "macOS",
    "iOS": "iOS",
    "Android": "Android",
    "Chromecast Android": "Android",
    "Chrome OS": "ChromeOS",
    "HarmonyOS": "HarmonyOS",
    "KaiOS": "KaiOS",
    "tvOS": "tvOS",
    "ATV OS X": "tvOS",
    "Tizen": "Tizen",
    "Web0S": "webOS",
    "webOS": "webOS",
}
_LINUX = (
    *("Linux", "Chromecast Linux", "Ubuntu", "Kubuntu", "Lubuntu", "Debian", "Fedora"),
    *("Linux Mint", "Red Hat", "CentOS", "SUSE", "openSUSE", "Gentoo", "Arch Linux"),
    *("Mageia", "Mandriva", "PCLinuxOS", "Puppy", "Slackware"),
)
_SYSTEMS |= dict.fromkeys(_LINUX, "Linux")

_BROWSERS = {
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari (in-app)",
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Android Webview",
    "Chrome Frame": "Chrome",
    "Edge Mobile": "Edge",
    "IE": "Internet Explorer",
    "IE Mobile": "Internet Explorer",
    "IE Large Screen": "Internet Explorer",
    "DuckDuckGo Mobile": "DuckDuckGo",
    "QQ Browser Mobile": "QQ Browser",
    "QQ Browser Mini": "QQ Browser",
    "WeChat Browser": "WeChat",
    "Ecosia Android": "Ecosia",
    "Ecosia iOS": "Ecosia",
    "Tizen Browser": "Samsung Internet",
}
_LARGE_FAMILIES = ("Firefox", "Opera")  # whose every edition is one
# Some families are what stands before a slash, which may be anything: a name is short,
# and has no address or number in it.
_NAME = re.compile(r"(?!.*\d{5})[^\W_][\w .!'+()-]{0,39}")

# What a user agent in lower case has in it; a search for words is ten times as fast as
# one for a pattern.
_TV = (
    *(
        "smart-tv",
        "smarttv",
        "smart tv",
        "apple tv",
        "appletv",
        "google tv",
        "android tv",
    ),
    *("googletv", "hbbtv", "roku", "bravia", "crkey", "chromecast", "netcast", "web0s"),
    *("viera", " tv safari", "; aft"),
)
_OTHER_DEVICE = (
    *("playstation", "nintendo", "xbox", "watchos", " watch", "oculusbrowser"),
    "kindle/",  # without colours
)
_TABLET = ("ipad", "tablet", "playbook", "kindle", "silk/", "; kf")
_TABLET_MODEL = ("; sm-p", "; sm-t", "; sm-x", " pad", " tab")
_MOBILE = (
    *("mobi", "iphone", "ipod", "android", "blackberry", "(bb10", "opera mini"),
    *("windows phone", "kaios", "symbian", "harmonyos"),
)
_DESKTOP = ("windows", "macintosh", "mac os x", "linux", "x11", "cros ")

_ROBOT = (
    *(
        "bot",
        "crawl",
        "spider",
        "slurp",
        "monitor",
        "headless",
        "phantomjs",
        "lighthouse",
    ),
    *(
        "pingdom",
        "gtmetrix",
        "facebookexternalhit",
        "mediapartners-google",
        "apis-google",
    ),
    *("feedfetcher", "googleother", "googlehc", "statuscake", "site24x7", "synthetic"),
    *("healthcheck", "health-check", "kube-probe", "uptime", "nagios", "zabbix"),
    *("check_http", "prometheus", "selenium", "puppeteer", "playwright"),
    *("chatgpt-user", "claude-user", "perplexity-user"),
)
# Words by which ua-parser, or we, would take these for robots: makes of phones and of
# medical apps; libraries of HTTP clients and the shops' own servers, which send events
# of real people; mail that is opened through a proxy; the browser Silk; words that were
# crawlers once and are names of apps today.
_NO_ROBOT = (
    *("cubot", "bott", "botan", "talbots", "silk", "java/", "jnlp", "squrl java"),
    *("python-urllib", "winhttp", "http%20client", "google-http-java-client"),
    *("appengine-google", "wordpress", "yahoo", "altavista", "borg"),
    *("charlotte", "holmes"),
    *(
        "lycos",
        "reaper",
        "scooter",
        "snappy",
        "speedy",
        "voila",
        "vortex",
        "yeti",
        "zao",
        "zeal",
    ),
)


# An app on iOS sends its own name beside the system's. No robot runs in an app, so what
# that is called says nothing: Baby Monitor, Spider Solitaire.
_OWN_APP = re.compile(r"\A(?!mozilla/)[\s\S]*(?:cfnetwork/\S+ darwin/|\bios \d)")


class Agent(NamedTuple):
    """What a user agent says; all null where it is blank."""

    device_type: str | None  # mobile, desktop, tablet, tv, other
    os: str | None
    browser: str | None
    is_bot: bool


def read_user_agent(user_agent: str) -> Agent:
    """Read one user agent; of a long one, the first thousand letters.

    Examples
    --------
    >>> read_user_agent("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Firefox/127.0")
    Agent(device_type='desktop', os='Linux', browser='Firefox', is_bot=False)
    """
    text = user_agent[:MAX_LENGTH].strip()
    if not text:
        return Agent(None, None, None, is_bot=False)
    found = _parser().parse(text).with_defaults()
    lowered = text.lower()
    # An iPad calls itself a Mac, but in the browsers of apps, which Macs have not.
    is_hidden_ipad = "macintosh" in lowered and " mobile/" in lowered
    system = "iOS" if is_hidden_ipad else _SYSTEMS.get(found.os.family, "other")
    return Agent(
        "tablet" if is_hidden_ipad else _device_type(lowered, system),
        system,
        _browser(found.user_agent.family, lowered),
        is_bot=_is_robot(lowered, is_spider=found.device.family == "Spider"),
    )


def read_new_user_agents(
    connection: duckdb.DuckDBPyConnection, progress: Callable[[str], None]
) -> int:
    """Read the user agents of raw events that were not read yet; forget those gone.

    Afterwards `lookups.user_agents` has each one that there is, as sent, read by this
    version of the library and of our rules. It can be killed anywhere: each batch is
    kept by itself.

    Returns
    -------
    int
        How many were read.
    """
    made_with = version_of_rules()
    connection.execute(
        """
        create or replace temp table user_agents_sent as
        select distinct user_agent from raw.events where user_agent is not null
        """
    )
    connection.execute(
        """
        delete from lookups.user_agents
        where made_with <> ?
            or user_agent not in (select user_agent from user_agents_sent)
        """,
        [made_with],
    )
    connection.execute(
        """
        create or replace temp table user_agents_new as
        select row_number() over () - 1 as number, user_agent
        from user_agents_sent anti join lookups.user_agents using (user_agent)
        """
    )
    ((n_new,),) = connection.execute("select count(*) from user_agents_new").fetchall()
    for start in range(0, n_new, BATCH):
        progress(f"reading user agents {start / n_new:.0%}")
        _read_batch(connection, start, made_with)
    for table in ("user_agents_sent", "user_agents_new"):
        connection.execute(f"drop table {table}")
    return n_new


@cache
def version_of_rules() -> str:
    """Tell in a line what user agents are read by: the library, and this file."""
    libraries = " ".join(version(library) for library in _LIBRARIES)
    return f"{libraries} {sha256(Path(__file__).read_bytes()).hexdigest()[:16]}"


def _read_batch(
    connection: duckdb.DuckDBPyConnection, start: int, made_with: str
) -> None:
    """Read and keep one batch of the new ones."""
    import pyarrow as pa  # which the commands that only tell of a warehouse do not need

    batch = connection.execute(
        "select user_agent from user_agents_new where number >= ? and number < ?",
        [start, start + BATCH],
    ).fetchall()
    found = pa.Table.from_pylist(
        [{"user_agent": text, **read_user_agent(text)._asdict()} for (text,) in batch],
        schema=pa.schema(
            {
                **dict.fromkeys(LOOKUPS["lookups.user_agents"], pa.string()),
                "is_bot": pa.bool_(),
            }
        ),
    )
    connection.register("user_agents_read", found)
    with transaction(connection):
        connection.execute(
            """
            insert into lookups.user_agents by name
            select * replace (?::varchar as made_with) from user_agents_read
            """,
            [made_with],
        )
    connection.unregister("user_agents_read")


@cache
def _parser():
    """Make the parser, which takes a quarter of a second; without a cache of texts."""
    from ua_parser import Parser, load_lazy_builtins
    from ua_parser.regex import Resolver

    return Parser(Resolver(load_lazy_builtins()))


def _has(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text for word in words)


def _device_type(lowered: str, system: str) -> str:
    """Tell the kind of device from the words of a user agent."""
    if system == "tvOS" or _has(lowered, _TV):
        return "tv"
    if _has(lowered, _OTHER_DEVICE):
        return "other"
    is_silent = "android" in lowered and "mobi" not in lowered
    # Browsers on an Android phone say Mobile. Apps say nothing, wherever they are.
    if is_silent and (lowered.startswith("mozilla/") or _has(lowered, _TABLET_MODEL)):
        return "tablet"
    if _has(lowered.replace("tablet pc", ""), _TABLET):  # which Windows has
        return "tablet"
    if system == "iOS" or _has(lowered, _MOBILE):
        return "mobile"
    return "desktop" if _has(lowered, _DESKTOP) else "other"


def _browser(family: str, lowered: str) -> str:
    """Give a browser the name that all its editions share."""
    if family == "Mobile Safari UI/WKWebView" and "linkedinapp" in lowered:
        return "LinkedIn"
    if family == "Android" and "chrome/" in lowered:
        return "Chrome"
    for large in _LARGE_FAMILIES:
        if family.startswith(large):
            return large
    if family in _BROWSERS:
        return _BROWSERS[family]
    return family if family != "Other" and _NAME.fullmatch(family) else "other"


def _is_robot(lowered: str, *, is_spider: bool) -> bool:
    """Tell whether a user agent names itself a robot, a monitor or a preview."""
    if _OWN_APP.match(lowered):
        return False
    words = lowered
    if _has(lowered, _NO_ROBOT):
        for word in _NO_ROBOT:
            words = words.replace(word, " ")
    if _has(words, _ROBOT):
        return True
    if not is_spider or words == lowered:
        return is_spider
    device = _parser().parse_device(words)
    return device is not None and device.family == "Spider"
