"""User agents are read once, whatever they hold, and nobody is taken for a robot."""

from collections.abc import Generator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse import user_agents
from warehouse.raw_tables import create_tables
from warehouse.user_agents import Agent, read_new_user_agents, read_user_agent

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) "
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) "
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) "
IPAD = "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) "
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko) "
APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko) "
CHROME = WEBKIT + "Chrome/138.0.0.0 Safari/537.36"
MOBILE_CHROME = WEBKIT + "Chrome/138.0.0.0 Mobile Safari/537.36"


def android(model: str) -> str:
    return f"Mozilla/5.0 (Linux; Android 14; {model}) "


PEOPLE = {
    IPHONE + APPLE + "Version/18.5 Mobile/15E148 Safari/604.1": "mobile iOS Safari",
    IPHONE + APPLE + "CriOS/138.0.7204.33 Mobile/15E148 Safari/604.1": (
        "mobile iOS Chrome"
    ),
    IPAD + APPLE + "Version/17.5 Mobile/15E148 Safari/604.1": "tablet iOS Safari",
    # An iPad that asks for desktop pages says what a Mac says; in an app it shows.
    MAC + APPLE + "Version/18.5 Safari/605.1.15": "desktop macOS Safari",
    MAC + APPLE + "Mobile/15E148 [FBAN/FBIOS;FBDV/iPad13,1]": "tablet iOS Facebook",
    android("K") + MOBILE_CHROME: "mobile Android Chrome",
    android("SM-X810") + CHROME: "tablet Android Chrome",
    android("SM-S921B; wv") + WEBKIT + "Version/4.0 Chrome/138.0.0.0 Mobile Safari": (
        "mobile Android Android Webview"
    ),
    android("SAMSUNG SM-S918B")
    + WEBKIT
    + "SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36": (
        "mobile Android Samsung Internet"
    ),
    IPHONE + APPLE + "Mobile/15E148 MyShop": "mobile iOS Safari (in-app)",
    IPHONE + APPLE + "Mobile/21F90 [FBAN/FBIOS;FBAV/470.0.0.34;FBDV/iPhone15,2]": (
        "mobile iOS Facebook"
    ),
    android("SM-S921B; wv")
    + WEBKIT
    + "Version/4.0 Chrome/138.0.0.0 Mobile Safari/537.36 Instagram 337.0.0.35.102": (
        "mobile Android Instagram"
    ),
    WINDOWS + CHROME + " Edg/138.0.0.0": "desktop Windows Edge",
    WINDOWS + CHROME + " OPR/120.0.0.0": "desktop Windows Opera",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": (
        "desktop Linux Firefox"
    ),
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) " + CHROME: "desktop ChromeOS Chrome",
    "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Tablet PC 2.0)": (
        "desktop Windows Internet Explorer"
    ),
    "Mozilla/5.0 (SMART-TV; LINUX; Tizen 8.0) " + WEBKIT + "108.0/8.0 TV Safari/1": (
        "tv Tizen Safari"
    ),
    "Mozilla/5.0 (Linux; Android 9; AFTKA) " + WEBKIT + "Silk/112.7.1 Safari/537": (
        "tv Android Amazon Silk"
    ),
    "Mozilla/5.0 (PlayStation 5/2.26) " + APPLE + "Version/13.0 Safari/605.1.15": (
        "other other Safari"
    ),
    "Dalvik/2.1.0 (Linux; U; Android 13; SM-A515F)": "mobile Android Android",
    # No robots, whatever the words in them.
    android("CUBOT P80") + MOBILE_CHROME: "mobile Android Chrome",
    "CUBOT_P80": "other other other",
    "Abbott/3.1 (build:3; iOS 17.5.1)": "mobile iOS other",
    "BabyMonitor/1.0 (iPhone; iOS 16.1; Scale/3.00)": "mobile iOS Safari (in-app)",
    "SpiderSolitaire/2 CFNetwork/1494.0.7 Darwin/23.4.0": "mobile iOS SpiderSolitaire",
    android("SM-S921B; wv") + MOBILE_CHROME + " Talbots/5.1": (
        "mobile Android Android Webview"
    ),
    "python-requests/2.32": "other other Python Requests",
    "okhttp/4.12.0": "other other okhttp",
    "Java/17.0.1": "other other Java",
    "WordPress/6.8; https://shop.example": "other other WordPress",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html": (
        "other other YahooMailProxy"
    ),
    # What stands before a slash names an app, but not if it could be a person.
    "ann@a.example/1 CFNetwork/1494.0.7 Darwin/23.4.0": "mobile iOS other",
    "4915112345678/1 CFNetwork/1494.0.7 Darwin/23.4.0": "mobile iOS other",
    "MyShop/12 CFNetwork/1494.0.7 Darwin/23.4.0": "mobile iOS MyShop",
}
ROBOTS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    android("Nexus 5X") + MOBILE_CHROME + " (compatible; Googlebot/2.1)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/slurp)",
    "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
    "Mozilla/5.0 (X11; Linux x86_64) " + WEBKIT + "HeadlessChrome/138.0.0.0 Safari",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2)",
    "facebookexternalhit/1.1",
    "WhatsApp/2.23.20.0",
    "Screaming Frog SEO Spider/19.0",
    WINDOWS + CHROME + " DatadogSynthetics",
    "ELB-HealthChecker/2.0",
    "UptimeMonitor/1.0",
    "Java/17 MyCrawler/2",
    IPHONE + APPLE + "Mobile/15E148 (compatible; MyBot/1; iOS 18)",
]


@pytest.mark.parametrize(("user_agent", "said"), PEOPLE.items())
def test_devices_systems_and_browsers_are_told(user_agent: str, said: str):
    agent = read_user_agent(user_agent)

    assert f"{agent.device_type} {agent.os} {agent.browser}" == said
    assert not agent.is_bot


@pytest.mark.parametrize("user_agent", ROBOTS)
def test_robots_are_told(user_agent: str):
    assert read_user_agent(user_agent).is_bot


@pytest.mark.parametrize("blank", ["", "  ", "\t"])
def test_a_blank_one_says_nothing(blank: str):
    assert read_user_agent(blank) == Agent(None, None, None, is_bot=False)


@settings(max_examples=50, deadline=None)
@given(
    st.text(max_size=60)
    | st.text("(/;)0 Mozilabt.").map(lambda text: "Mozilla/5.0 " + text)
)
def test_whatever_stands_in_it_is_read(text: str):
    agent = read_user_agent(text)

    if text.strip():
        assert agent.device_type in {"mobile", "desktop", "tablet", "tv", "other"}
        assert agent.browser
        assert len(agent.browser) <= 40


@pytest.mark.parametrize("bait", ["(a+)+$", "Mozilla/5.0 (", "HbbTV/1.1.1 (;", "\0"])
def test_a_megabyte_takes_no_longer_than_its_first_letters(bait: str):
    assert read_user_agent(bait * 100_000) == read_user_agent(bait * 1000)


@pytest.fixture
def warehouse() -> Generator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        create_tables(connection)
        yield connection


def send(warehouse: duckdb.DuckDBPyConnection, *texts: str | None) -> None:
    """Put events with these user agents in the place of all there were."""
    warehouse.execute("delete from raw.events")
    warehouse.executemany(
        "insert into raw.events (row_key, file_id, line_number, load_id, source, "
        "namespace, user_agent) values (1, 1, 1, 1, 'web', '', ?)",
        [[text] for text in texts],
    )


def read_again(warehouse: duckdb.DuckDBPyConnection) -> int:
    return read_new_user_agents(warehouse, lambda _: None)


def kept(warehouse: duckdb.DuckDBPyConnection) -> list[tuple]:
    return warehouse.execute(
        "select user_agent, device_type, is_bot from lookups.user_agents order by all"
    ).fetchall()


def test_each_is_read_once_and_as_sent(
    warehouse: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(user_agents, "BATCH", 2)
    send(warehouse, " Googlebot ", "okhttp/4", "okhttp/4", None, "", "iPhone")

    assert read_again(warehouse) == 4
    assert kept(warehouse) == [
        ("", None, False),
        (" Googlebot ", "other", True),
        ("iPhone", "mobile", False),
        ("okhttp/4", "other", False),
    ]
    assert read_again(warehouse) == 0

    send(warehouse, "okhttp/4", "iPad")
    assert read_again(warehouse) == 1
    assert kept(warehouse) == [("iPad", "tablet", False), ("okhttp/4", "other", False)]


def test_other_rules_read_all_again(
    warehouse: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
):
    send(warehouse, "ShopChecker/1", "iPad")
    read_again(warehouse)
    monkeypatch.setattr(user_agents, "_ROBOT", ("checker",))
    assert read_again(warehouse) == 0

    monkeypatch.setattr(user_agents, "version_of_rules", lambda: "others")

    assert read_again(warehouse) == 2
    assert kept(warehouse) == [
        ("ShopChecker/1", "other", True),
        ("iPad", "tablet", False),
    ]
