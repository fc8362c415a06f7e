"""Page views, sessions and users are those that Snowplow's own models make.

The reference (dbt-snowplow-web 0.15.2) is met by options. Lines without a session's id
are refused (`required`), and so are those that were sent over three days after they
happened (`late_after`: their time is the collector's less what lay between). Sessions
are the tracker's, cut after three days (`sessions`); what is cut off there, is here
another session, which says `is_continuation`. Pings tell the time (`pings`).

The reference knows a person by a cookie. So the same events are here twice: of
`cookies` the cookie is mapped as the user_id, of `people` the user_id is the tracker's.
A session that several persons share is, by the contract, a session of each.

Not compared, since no table of ours says it: places, screens, scrolling, languages,
titles, queries and fragments, marketing terms and click ids, conversions, what was made
up of agents (an iPhone is a desktop there); and `is_engaged`, which has another rule.
"""

import json
from collections.abc import Callable

import pytest
from running import REFERENCE_DATA, query_built

from warehouse import stages
from warehouse.home import Home

pytestmark = pytest.mark.usefixtures("without_data_tests")

REFERENCE = REFERENCE_DATA / "snowplow_web"
SENT = REFERENCE / "events" / "snowplow_web_events.csv"
OPTIONS = {
    "adapter": "snowplow",
    "sessions": {"by": "tracker", "longest": "72 hours"},
    "late_after": "3 days",
    "required": ["session_id"],
    "pings": {"first_after": 5, "every": 10},
}
SOURCES = {
    "people": {},
    "cookies": {"namespace": "cookies", "columns": {"user_id": "domain_userid"}},
}
# Who shares a session there, or is several there.
SHARED = {"people": "user stitch", "cookies": "Rotating domain_userid"}

# Ours, with ids as they were sent. A session counts there if a page view or ping of it
# has the id of a page view. Its cookie is that of its earliest event.
OURS = """
    with events as (
        select
            session_events.*,
            events.* exclude (event_key, user_id, occurred_at, tracker_session_id),
            replace(events.event_id, 'cookies:', '') as sent_event_id,
            replace(events.page_view_id, 'cookies:', '') as sent_page_view_id,
            replace(events.tracker_session_id, 'cookies:', '') as tracker_id,
            replace(events.anonymous_id, 'cookies:', '') as device
        from intermediate.int_events_sessionized as session_events
        inner join intermediate.int_events_identified as events using (event_key)
        where events.source = '{source}' and not session_events.is_continuation
    ),
    counted as (
        select *,
            min_by(device, received_at) over (partition by tracker_id) as first_device
        from events
        where tracker_id in (
            select tracker_id from events
            where page_view_id is not null and (event_type = 'page_view' or is_ping)
        )
    ),
    pieces as (
        select told.*, sessions.*,
            greatest(views.n_views, pings.n_pages) as n_pages
        from (
            select session_id, tracker_id, first_device,
                min_by(event_name, session_event_number) as first_event
            from counted group by session_id, tracker_id, first_device
        ) as told
        inner join marts.sessions using (session_id)
        inner join intermediate.int_session_pings_counted as pings using (session_id)
        left join (
            select session_id, count(*) as n_views from marts.page_views
            group by session_id
        ) as views using (session_id)
    ),
"""


@pytest.fixture(scope="module")
def web(make_home: Callable[..., Home]) -> Home:
    """A home with the events of the reference, twice."""
    if not SENT.exists():
        pytest.skip("the reference data set snowplow_web is not here")
    home = make_home("web")
    for name, more in SOURCES.items():
        (home.inbox / name).mkdir()
        (home.inbox / name / SENT.name).write_bytes(SENT.read_bytes())
        (home.inbox / name / "source.yml").write_text(json.dumps(OPTIONS | more))
    stages.run(home)
    return home


def compare(home: Home, source: str, table: str, question: str) -> list[tuple]:
    """Ask of ours beside what is `expected`."""
    file = REFERENCE / "expected" / f"snowplow_web_{table}_expected.csv"
    expected = f"expected as (from read_csv('{file}', quote = '\"')),"
    return query_built(home, OURS.format(source=source) + expected + question)


@pytest.mark.parametrize("source", SOURCES)
def test_what_the_reference_leaves_out_is_in_quarantine(web: Home, source: str):
    assert query_built(
        web,
        "select reason, count(*) from ledger.quarantine "
        f"where source = '{source}' group by reason order by reason",
    ) == [("missing:session_id", 1), ("too_late:occurred_at", 3)]


@pytest.mark.parametrize("source", SOURCES)
def test_page_views_are_the_known_ones(web: Home, source: str):
    """Of two copies that tell of different times, and of all else the same, any stays.

    Where no tag says whence a visitor came, ours go on by the referrer, theirs do not.
    """
    found = compare(
        web,
        source,
        "page_views",
        f"""
        copies as (
            select event_id, list(derived_tstamp) as moments,
                count(*) > 1 and count(distinct collector_tstamp) = 1
                and count(distinct dvce_created_tstamp) = 1 as is_tie
            from read_csv('{SENT}') group by event_id
        ),
        page_views as (
            select counted.*, deduplicated.referrer_host, views.*,
                count(*) over (partition by views.session_id) as n_views
            from marts.page_views as views
            inner join intermediate.int_page_views_timed as timed using (page_view_id)
            inner join intermediate.int_events_deduplicated as deduplicated
                using (event_key)
            inner join counted using (event_key)
        )
        select
            page_views.sent_event_id = expected.event_id,
            first_device = coalesce(domain_userid, expected.network_userid),
            tracker_id = domain_sessionid,
            started_at = start_tstamp or is_tie and list_contains(moments, started_at),
            ended_at = end_tstamp or is_tie and list_contains(moments, ended_at),
            engaged_seconds = engaged_time_in_s,
            date_diff('second', started_at, ended_at) = absolute_time_in_s,
            duration_seconds = date_sub('second', started_at, ended_at),
            starts_with(expected.user_id, '{SHARED[source]}')
            or page_view_number = page_view_in_session_index,
            starts_with(expected.user_id, '{SHARED[source]}')
            or n_views = page_views_in_session,
            is_entry = (page_view_number = 1),
            is_exit = (page_view_number = n_views),
            page_views.page_path = page_urlpath,
            mkt_source is null or traffic_source = mkt_source,
            mkt_medium is null or traffic_medium = mkt_medium,
            traffic_campaign is not distinct from mkt_campaign,
            mkt_source is null
            or channel = replace(lower(default_channel_group), ' ', '_'),
            referrer_host is null
            or referrer_host = replace(refr_urlhost, 'www.', '')
        from page_views full join expected
            on sent_page_view_id = expected.page_view_id
        left join copies on expected.event_id = copies.event_id
        """,
    )
    assert found == [(True,) * 18] * 43
    assert query_built(
        web,
        "select count(*) from marts.page_views inner join marts.sessions "
        "using (session_id) where page_view_id like 'event-%'",
    ) == [(2,)]  # one has no id of the tracker, and is none there


@pytest.mark.parametrize("source", SOURCES)
def test_sessions_are_the_known_ones(web: Home, source: str):
    """A ping that opens one tells there of five seconds before it, and of its page."""
    found = compare(
        web,
        source,
        "sessions",
        f"""
        sessions as (
            select
                tracker_id,
                first_device,
                count(*) as n_pieces,
                min(started_at) as started_at,
                max(ended_at) as ended_at,
                min_by(first_event, started_at) = 'page_ping' as has_ping_first,
                sum(n_events) as n_events,
                sum(n_pages) as n_pages,
                sum(engaged_seconds) as engaged_seconds,
                min_by(landing_page, started_at) as landing_page,
                max_by(exit_page, ended_at) as exit_page,
                min_by(source, started_at) as source,
                min_by(medium, started_at) as medium,
                min_by(campaign, started_at) as campaign,
                min_by(channel, started_at) as channel
            from pieces group by tracker_id, first_device
        )
        select
            started_at - to_seconds(if(has_ping_first, 5, 0)) = start_tstamp,
            ended_at = end_tstamp,
            first_device = coalesce(domain_userid, network_userid),
            n_events = total_events,
            n_pages = page_views,
            engaged_seconds = engaged_time_in_s,
            date_diff('second', start_tstamp, ended_at) = absolute_time_in_s,
            landing_page = first_page_urlpath,
            exit_page = last_page_urlpath,
            mkt_source is null or source = mkt_source,
            mkt_medium is null or medium = mkt_medium,
            campaign is not distinct from mkt_campaign,
            mkt_source is null
            or channel = replace(lower(default_channel_group), ' ', '_'),
            n_pieces = 1 or starts_with(user_id, '{SHARED[source]}')
        from sessions
        full join expected on tracker_id = domain_sessionid
        """,
    )
    assert found == [(True,) * 14] * 18


def test_users_are_the_known_ones(web: Home):
    """Everybody with one cookie is who it is; whose cookie rotates has one user_id.

    Of two sessions that start, or end, at one moment any may be the first, or last.
    """
    for source, question in {
        "cookies": "user_id = 'cookies:' || domain_userid",
        "people": "user_id = expected.user_id",
    }.items():
        found = compare(
            web,
            source,
            "users",
            f"""
            users as (
                select
                    user_id,
                    min(started_at) as started_at,
                    max(ended_at) as ended_at,
                    sum(n_pages) as n_pages,
                    count(*) as n_sessions,
                    sum(engaged_seconds) as engaged_seconds,
                    list(landing_page order by started_at) as landing_pages,
                    list(exit_page order by ended_at desc) as exit_pages,
                    count(*) filter (started_at = first_at) as n_first,
                    count(*) filter (ended_at = last_at) as n_last
                from (
                    select *,
                        min(started_at) over (partition by user_id) as first_at,
                        max(ended_at) over (partition by user_id) as last_at
                    from pieces
                )
                group by user_id
            )
            select
                expected.user_id,
                started_at = start_tstamp,
                ended_at = end_tstamp,
                n_pages = page_views,
                n_sessions = sessions,
                engaged_seconds = engaged_time_in_s,
                list_contains(landing_pages[:n_first], first_page_urlpath),
                list_contains(exit_pages[:n_last], last_page_urlpath)
            from expected left join users on users.{question}
            """,
        )
        others = [row for row in found if not row[0].startswith(SHARED[source])]
        assert [row[1:] for row in others] == [(True,) * 7] * 10


def test_a_cookie_is_of_whom_it_is_there(web: Home):
    """Of whom a cookie is: there of the last user_id, here of the latest, too."""
    found = compare(
        web,
        "people",
        "sessions",
        """
        owners as (
            select anonymous_id, user_id from intermediate.int_devices_owned
        )
        select distinct owners.user_id = stitched_user_id
        from expected left join owners on domain_userid = anonymous_id
        where domain_userid is not null
        """,
    )
    assert found == [(True,)]
