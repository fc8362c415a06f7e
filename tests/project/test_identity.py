"""Who is who: each way in which people come and go, from dumps to published persons."""

import json
import re
from pathlib import Path

import pytest
from lookalikes import lookalikes
from running import query, run_tessera, with_kmeans_alone, without_docs

from warehouse import saying, stages
from warehouse.connection import open_work
from warehouse.errors import ConfigurationError, TesseraError
from warehouse.explain import explain
from warehouse.framing import StageResult
from warehouse.home import Home
from warehouse.likeness import compare_profiles

TRACKER = {
    "user_id": "user",
    "anonymous_id": "device",
    "event_name": "event",
    "occurred_at": "at",
    "email": "email",
    "phone": "phone",
}
LIST = {"user_id": "user", "email": "email", "phone": "phone", "signed_up_at": "at"}
NAMED = {
    "user_id": "user",
    "email": "email",
    "first_name": "first",
    "last_name": "last",
    "birth_date": "born",
    "city": "city",
}
TWIN = {"first": "Oda", "last": "Winterbottom", "born": "1981-02-03", "city": "Anton"}
PROFILES = {
    "user_id": "user",
    "country": "country",
    "birth_date": "born",
    "signed_up_at": "at",
    "updated_at": "changed",
}
GUEST = {"first": "Guest", "last": "Guest", "born": "1900-01-01", "city": "Anton"}
ORDERS = {
    "order_id": "order",
    "ordered_at": "at",
    "product_id": "sku",
    "user_id": "user",
    "email": "email",
}


N_LOOKALIKES = 150


class Inbox:
    """A home whose sources are told line by line, one day after the other."""

    def __init__(self, root: Path, settings: str = "") -> None:
        self.home = Home.at(root)
        self.home.inbox.mkdir(parents=True)
        (self.home.root / "settings.yml").write_text(settings)
        with_kmeans_alone(self.home)
        self.results: list[StageResult] = []
        without_docs(self.home)

    def source(
        self, name: str, kind: str, columns: dict, *lines: dict, **settings
    ) -> None:
        folder = self.home.inbox / name
        folder.mkdir()
        config = {"adapter": "generic", "kind": kind, "columns": columns} | settings
        (folder / "source.yml").write_text(json.dumps(config))
        self.replace(name, *lines)

    def replace(self, name: str, *lines: dict) -> None:
        """Write the one dump of a source, a minute after the other."""
        usual = {"event": "page_view", "sku": "s"}
        told = [
            {"at": f"2026-01-01 10:{minute:02d}:00"} | usual | line
            for minute, line in enumerate(lines)
        ]
        text = "\n".join(map(json.dumps, told))
        (self.home.inbox / name / "dump.jsonl").write_text(text)

    def query(self, question: str) -> list[tuple]:
        with open_work(self.home) as connection:
            return connection.execute(question).fetchall()

    def users(self) -> set[str]:
        return {user for (user,) in self.query("select user_id from marts.users")}

    def users_of_events(self) -> list[str]:
        """List the person of each event, in the order in which they happened."""
        rows = self.query(
            "select user_id from intermediate.int_events_identified where not is_bot "
            "order by source, occurred_at, event_id"
        )
        return [user for (user,) in rows]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Inbox:
    """A home where everything happens at once, each scenario with people of its own."""
    settings = "phone_region: DE\nmax_identifiers_per_person: 8\n"
    town = Inbox(tmp_path_factory.mktemp("town"), settings)
    town.source(
        "web",
        "events",
        TRACKER,
        # two logins on one device, with a logout between them
        {"device": "d1"},
        {"device": "d1", "user": "ann"},
        {"device": "d1"},
        {"device": "d1", "user": "bob"},
        {"device": "d1"},
        # an address given before there is a login
        {"device": "d2", "email": "Cyd.Ray+shop@gmail.com"},
        {"device": "d3", "user": "cyd", "email": "cydray@googlemail.com"},
        # a mailbox that two share
        {"user": "dan", "email": "family@example.org"},
        {"user": "eve", "email": "family@example.org"},
        {"device": "d4", "email": "family@example.org"},
        # devices that nobody ever logged in on
        {"device": "d5", "email": "fay@example.org"},
        {"device": "d6", "email": "fay@example.org"},
        # what people type who are asked for an address
        {"device": "d8", "email": "Unknown@example.org"},
        {"device": "d9", "email": "unknown@example.org"},
        {"device": "d10", "phone": "+49 000 0000000"},
        {"device": "d11", "phone": "+49 000 0000000"},
        # a kiosk
        *[{"device": "kiosk", "user": f"guest{n}"} for n in range(20)],
        # an address on a device that changed hands, by who was there
        {"device": "d7", "user": "gus"},
        {"device": "d7", "email": "gus@example.org"},
        {"device": "d7", "user": "hal"},
    )
    # two devices that look at a page each second, one of which logs in at last
    town.source(
        "zoo",
        "events",
        TRACKER | {"product_id": "sku"},
        *[
            {"device": device, "at": f"2026-01-01 10:0{n // 61}:{n % 61 * 0.9:09.6f}"}
            | {"sku": f"s{n}"}
            for n in range(122)
            for device in ("quick", "hasty")
        ],
        {"device": "hasty", "user": "ned", "at": "2026-01-01 11:00:00"},
    )
    town.source(
        "app",
        "events",
        TRACKER,
        {"user": "1", "phone": "+49 170 1234567"},
        {"user": "2", "email": "gus@example.org"},
        {"user": "3", "email": "family@example.org"},
        # u1 - e1 - v - e2 - u2: the chain would join ida and jan
        {"user": "4", "email": "ida@example.org"},
        {"user": "4", "email": "jan@example.org"},
        namespace="app",
    )
    town.source(
        "crm",
        "users",
        LIST,
        {"user": "ann", "phone": "0049 170 1234567", "at": "2025-01-01"},
        {"user": "ida", "email": "ida@example.org", "at": "2025-01-02"},
        {"user": "jan", "email": "jan@example.org", "at": "2025-01-03"},
    )
    town.source(
        "till",
        "order_lines",
        ORDERS,
        {"order": "o1", "email": "CydRay@gmail.com"},
        {"order": "o2", "email": "fay@example.org"},
        {"order": "o3", "email": "family@example.org"},
        {"order": "o4", "email": "nobody@example.org"},
    )
    # two lists of the same people, and twins on one of them
    cards, club = zip(*lookalikes(N_LOOKALIKES), strict=True)
    town.source(
        "cards",
        "users",
        NAMED,
        *[line | {"user": str(number)} for number, line in enumerate(cards)],
        TWIN | {"user": "oda1", "email": "oda1@example.org"},
        GUEST | {"user": "guest", "email": "first@example.org"},
        TWIN | {"user": "oda2", "email": "oda2@example.org", "first": "Ode"},
        namespace="cards",
    )
    town.source(
        "club",
        "users",
        NAMED,
        *[line | {"user": str(number)} for number, line in enumerate(club)],
        TWIN | {"user": "oda", "email": "winter@example.net"},
        GUEST | {"user": "guest", "email": "other@example.net"},
        namespace="club",
    )
    # addresses without a user_id, and none that is known elsewhere
    by_address = {name: NAMED[name] for name in NAMED if name != "user_id"}
    town.source(
        "raffle",
        "users",
        by_address,
        *[
            line | {"email": f"raffle{number}@example.com"}
            for number, line in enumerate(cards[:10])
        ],
    )
    # two lists that contradict each other, the better of which is older
    known = {"user": "kim", "at": "2025-01-01"}
    late = {"changed": "2025-06-01", "plan": "pro"}
    town.source(
        "bank",
        "users",
        PROFILES,
        known | {"country": "DE", "born": "1990-05-01", "plan": "free"},
        trust=2,
        publish_attributes=["plan"],
    )
    town.source(
        "gym",
        "users",
        PROFILES,
        known | late | {"country": "AT", "born": "1980-05-01"},
        known | late | {"country": "FR", "changed": "2026-01-02"},  # not before as_of
        trust=1,
        publish_attributes=["plan"],
    )
    town.results = stages.run(town.home)
    return town


def test_each_event_is_of_who_was_there(town: Inbox):
    web = town.users_of_events()[5:44]

    assert web[:5] == ["ann", "ann", "ann", "bob", "bob"]
    assert web[-3:] == ["app:2", "app:2", "hal"]


def test_events_before_a_login_join_the_person(town: Inbox):
    assert town.users_of_events()[10:12] == ["cyd", "cyd"]
    assert not {"d2", "d3"} & town.users()


def test_a_mailbox_that_two_share_joins_nobody(town: Inbox):
    assert town.users_of_events()[12:15] == ["dan", "eve", "d4"]
    assert "app:3" in town.users()


def test_devices_are_one_person_by_an_address(town: Inbox):
    assert town.users_of_events()[15:17] == ["d5", "d5"]
    assert town.query("select is_identified from marts.users where user_id = 'd5'") == [
        (False,)
    ]


def test_what_stands_for_no_address_joins_nobody(town: Inbox):
    assert town.users_of_events()[17:21] == ["d8", "d9", "d10", "d11"]


def test_guests_of_a_kiosk_stay_strangers(town: Inbox):
    assert {f"guest{n}" for n in range(20)} <= town.users()


def test_users_of_two_namespaces_are_one_person(town: Inbox):
    assert town.users_of_events()[:2] == ["ann", "app:2"]
    assert not {"app:1", "gus"} & town.users()  # who was not seen first


def test_a_device_too_fast_for_a_person_is_nobody_but_if_it_logs_in(town: Inbox):
    assert not {"quick", "hasty"} & town.users()
    assert town.query("select n_events from marts.users where user_id = 'ned'") == [
        (123,)
    ]
    assert town.query("from ops.bot_events") == [("zoo", "too_fast", 122, 1)]
    assert town.query(
        "select identifier from marts.user_identifiers "
        "where identifier in ('quick', 'hasty')"
    ) == [("hasty",)]


def test_a_chain_never_joins_two_users_of_a_namespace(town: Inbox):
    app_4 = set(town.users_of_events()[3:5])

    assert app_4 == {"ida"}  # who was seen with an address first
    assert "jan" in town.users()


def test_orders_find_their_person_by_an_address(town: Inbox):
    rows = town.query("select order_id, user_id from marts.orders order by order_id")
    assert rows == [("o1", "cyd"), ("o2", "d5"), ("o3", None), ("o4", None)]


def test_no_person_has_two_users_of_a_namespace(town: Inbox):
    assert (
        town.query("""
            select user_id from marts.user_identifiers
            where identifier_type = 'user_id'
            group by user_id, regexp_extract(identifier, '^[a-z]+:')
            having count(*) > 1
        """)
        == []
    )


def test_similar_profiles_of_two_namespaces_are_one_person(
    town: Inbox, record_property
):
    rows = town.query("""
        select one.identifier[7:] as number, two.identifier[6:] as other
        from marts.user_identifiers as one
        inner join marts.user_identifiers as two using (user_id)
        where one.identifier like 'cards:%' and two.identifier like 'club:%'
    """)
    right = [number for number, other in rows if number == other]

    record_property("precision", len(right) / len(rows))
    record_property("recall", len(right) / N_LOOKALIKES)
    assert len(right) / len(rows) > 0.99
    assert len(right) / N_LOOKALIKES > 0.95


def test_of_twins_the_one_who_is_more_alike_is_joined(town: Inbox):
    rows = town.query("""
        select list(identifier order by identifier) as identifiers
        from marts.user_identifiers
        where identifier like '%:oda%' group by user_id order by identifiers
    """)
    assert rows == [(["cards:oda1", "club:oda"],), (["cards:oda2"],)]
    assert town.query("""
        select distinct cut_reason from marts.identity_links
        where identifier like 'c%:oda%' and link_rule = 'similar_profile'
        order by all
    """) == [("conflict",), (None,)]


def test_names_and_dates_that_stand_for_none_join_nobody(town: Inbox):
    assert {"cards:guest", "club:guest"} <= town.users()


def test_a_similar_profile_without_a_user_joins_by_its_address(town: Inbox):
    rows = town.query("""
        select match_rule, match_probability >= 0.95
        from marts.user_identifiers
        where identifier_type = 'email' and identifier in (
            select email_hash from intermediate.int_profiles_attributed
            where user_id is null
        )
    """)
    assert len(rows) > 5
    assert set(rows) == {("same_row", True)}


def test_what_is_not_similar_enough_is_for_review(town: Inbox):
    rows = town.query("""
        select identifier, match_probability from marts.identity_links
        where cut_reason = 'for_review' order by all
    """)
    assert rows
    assert all(0.5 <= probability < 0.95 for _, probability in rows)
    explained = explain(town.home, rows[0][0]).in_words()
    assert f"for review ({rows[0][1]:.1%})" in explained


def test_similar_profiles_are_found_again_only_where_something_changed(town: Inbox):
    told: list[str] = []
    with open_work(town.home) as connection:
        compare_profiles(connection, town.home, told.append)
        assert told == []
        compare_profiles(connection, town.home, told.append, afresh=True)
        assert len(told) == 1
        told.clear()

        before = connection.execute("from identity.similar_profiles order by all")
        pairs = before.fetchall()
        connection.execute("delete from identity.match_models")
        explanation = compare_profiles(connection, town.home, told.append)

        assert told == [f"comparing {2 * N_LOOKALIKES + 15} profiles"]
        assert explanation == f"{2 * N_LOOKALIKES + 15} profiles were compared"
        after = connection.execute("from identity.similar_profiles order by all")
        assert after.fetchall() == pairs


def test_names_are_compared_where_nobody_reads_them(town: Inbox):
    work = town.home.work_database.read_bytes()
    for word in (b"winterbottom", b"raffle7@", b"1981-02-03"):
        assert word not in work.lower()


def test_a_profile_is_of_the_source_that_each_fields_rule_prefers(town: Inbox):
    assert query(
        town.home,
        "select field, value, rule, kind, source, n_values, last_seen_at::date::text "
        "from marts.user_profile_fields where user_id = 'kim' order by field",
    ) == [
        ("age_band", "30-39", "most_trusted", "profile", "bank", 2, "2025-01-01"),
        ("attributes", '{"plan":"pro"}', "latest", "profile", "gym", 2, "2025-06-01"),
        ("country", "DE", "most_trusted", "profile", "bank", 2, "2025-01-01"),
    ]
    assert town.query(
        "select country, age_band, attributes, n_profile_conflicts from marts.users "
        "where user_id = 'kim'"
    ) == [("DE", "30-39", '{"plan":"pro"}', 3)]


def test_what_nobody_said_of_a_person_is_not_made_up(town: Inbox):
    assert town.query(
        "select country, device_type, age_band, email_domain_class, attributes, "
        "n_profile_conflicts from marts.users where user_id = 'dan'"
    ) == [(None, None, None, None, "{}", 0)]


def without_hashes(told: str) -> list[str]:
    return re.sub("[0-9a-f]{12}[.]{3}", "#", told).splitlines()


def test_a_person_is_explained_link_by_link(town: Inbox):
    found = explain(town.home, "app:1")

    assert found.user_id == "ann"
    assert without_hashes(found.in_words()) == [
        "user ann",
        "  phone number #: 1 row since 2025-01-01 00:00",
        "    user app:1: 1 row since 2026-01-01 10:00",
        "not believed: device d1 and user ann: several users were seen with it: each "
        "event is of who was there",
    ]


def test_what_was_not_believed_is_explained(town: Inbox):
    shared = "several users of one namespace have it, so it joins nobody"
    chained = "it would join two users of one namespace"

    dan, jan = (run_tessera(town.home, "explain", who) for who in ("dan", "jan"))

    assert without_hashes(dan.stdout) == [
        "user dan",
        "  nothing ties another id to it",
        f"not believed: user dan and e-mail address #: {shared}",
    ]
    assert without_hashes(jan.stdout)[2:] == [
        f"not believed: user app:4 and e-mail address #: {chained}"
    ]


def test_the_size_of_the_largest_person_is_told(town: Inbox):
    assert town.query(
        "select value, limit_value, verdict from ops.checks "
        "where check_name = 'largest_person'"
    ) == [(5 / 8, 0.5, "failed")]


def test_failed_warnings_are_told_when_it_is_published(town: Inbox, capsys):
    failed = town.query(
        "select check_name from ops.checks "
        "where severity = 'warn' and verdict = 'failed' order by all"
    )

    saying.say_stage(town.results[-1])

    first, *warnings = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"publish  snapshot 1 with \d+ tables \(.* s\)", first)
    assert [line.split(": ")[:2] for line in warnings] == [
        ["warning", name] for (name,) in failed
    ]
    assert any(
        line.startswith("warning: largest_person: one person has 5 identifiers")
        for line in warnings
    )


NOBODY = "nobody is known by this address or number"
SHARED = "several users of one namespace have it, so it joins nobody"


@pytest.mark.parametrize(
    ("identifier", "told"),
    [
        (
            "zoe",
            "nobody is known by 'zoe' in the current snapshot; an id of a source with "
            "a namespace begins with it, as in app:1",
        ),
        ("family@example.org", f"{NOBODY}: {SHARED}"),
        ("unknown@example.org", f"{NOBODY}: it stands for that there is none"),
        ("0000000000", f"{NOBODY}: it stands for that there is none"),
        ("zoe@example.org", f"{NOBODY} in the current snapshot"),
        (
            "0170 7654321",
            "nobody is known by this id or number in the current snapshot; an id of a "
            "source with a namespace begins with it, as in app:1",
        ),
    ],
)
def test_nobody_is_explained_in_words(town: Inbox, identifier: str, told: str):
    with pytest.raises(TesseraError) as refused:
        explain(town.home, identifier)
    assert str(refused.value) == told


def test_nobody_is_explained_by_a_published_hash(town: Inbox):
    ((shared,),) = town.query(
        "select distinct linked_identifier from marts.identity_links "
        "where identifier = 'dan' and cut_reason = 'shared'"
    )
    with pytest.raises(TesseraError, match=f"{NOBODY}: {SHARED}"):
        explain(town.home, shared)


@pytest.mark.parametrize("nothing", ["", " \t"])
def test_an_empty_identifier_is_wrong_usage(town: Inbox, nothing: str):
    with pytest.raises(ConfigurationError, match="IDENTIFIER is empty"):
        explain(town.home, nothing)
    assert ConfigurationError.exit_code == 2


def test_a_person_is_found_by_an_address_or_number(town: Inbox):
    assert explain(town.home, "CydRay+x@gmail.com").user_id == "cyd"
    for number in ("+49 170 1234567", "0170 / 123-4567", "0049 (170) 1234567"):
        assert explain(town.home, number).user_id == "ann"


def test_the_report_counts_similar_profiles(town: Inbox):
    ((joined, review),) = town.query("""
        select
            count(*) filter (cut_reason is null),
            count(*) filter (cut_reason = 'for_review')
        from marts.identity_links where link_rule = 'similar_profile'
    """)
    page = (town.home.published / "report" / "index.html").read_text()

    told = " ".join(page.split())
    assert joined > 0
    assert f"{joined:,} are joined as similar profiles, and {review:,} are for" in told


@pytest.mark.long
def test_persons_merge_part_and_merge_again_under_names_that_last(tmp_path: Path):
    inbox = Inbox(tmp_path)
    inbox.source(
        "web",
        "events",
        TRACKER,
        {"user": "ann", "email": "ann@example.org"},
        {"user": "bob", "email": "bob@example.org"},
        {"device": "d1"},
    )
    app = [{"user": "1", "email": "ann@example.org", "at": "2026-01-02 10:00:00"}]
    other = [app[0] | {"email": "cyd@example.org"}]
    early = {"user": "1", "at": "2025-01-01 10:00:00"}

    def publish(*lines: dict) -> tuple[set[str], list[tuple]]:
        inbox.replace("app", *lines)
        stages.run(inbox.home)
        changes = query(
            inbox.home,
            "select run_id, identifier, change, from_user_id, to_user_id, reason "
            "from marts.identity_changes order by run_id, identifier",
        )
        users = query(inbox.home, "select user_id from marts.users")
        return {user for (user,) in users}, changes

    inbox.source(
        "app", "events", TRACKER, *other, namespace="app", on_redelivery="replace"
    )
    apart, none = publish(*other)
    together, merged = publish(*app)
    still, same = publish(*app, early)
    checks = query(
        inbox.home,
        "select value, verdict from ops.checks "
        "where check_name = 'persons_merged' order by run_id",
    )
    parted, split = publish(*other, early)
    again, all_changes = publish(*app, early)

    assert none == []
    assert checks == [(0.0, "passed"), (0.25, "failed"), (0.0, "passed")]
    assert apart == {"ann", "bob", "d1", "app:1"}
    assert together == still == {"ann", "bob", "d1"}
    assert again == {"app:1", "bob", "d1"}  # of two that were published, the first seen
    assert merged == [("run_000002", "app:1", "merged", "app:1", "ann", "same_contact")]
    assert same == merged  # app:1 was seen first now, and ann keeps the name
    assert parted == apart
    assert split[1:] == [
        ("run_000004", "app:1", "split", "ann", "app:1", "link_withdrawn")
    ]
    assert [change[:3] for change in all_changes] == [
        ("run_000002", "app:1", "merged"),
        ("run_000004", "app:1", "split"),
        ("run_000005", "ann", "merged"),
    ]
