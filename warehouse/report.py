"""The segment report: one page that holds all it shows and asks no network."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape

from warehouse.connection import open_snapshot, rows_by_name

TEMPLATES = Path(__file__).parent / "templates"

_QUESTIONS = {
    "run": "from ops.runs where status = 'published' order by run_id desc limit 1",
    "totals": """
        select
            (select count(*) from marts.users) as n_users,
            (select count(*) from marts.sessions) as n_sessions,
            (select count(*) from marts.orders where not is_cancelled) as n_orders,
            (select coalesce(sum(revenue), 0) from marts.orders) as revenue
    """,
    "segments": "from segments.segment_catalog order by n_users desc, segment_id",
    "personas": "from segments.personas order by n_users desc, persona_id",
    "rfm": """
        select
            rfm_segment,
            count(*) as n_users,
            sum(frequency) as n_orders,
            sum(monetary_value) as revenue,
            count(*) / sum(count(*)) over () as share
        from marts.user_rfm
        group by rfm_segment
        order by revenue desc, rfm_segment
    """,
    "cohorts": """
        select
            *,
            coalesce(
                retention / max(retention) filter (where month_number > 0) over (), 0
            ) as shade
        from marts.cohort_retention
        where
            month_number <= 12
            and cohort_month > (
                select max(activity_month) - interval 1 year from marts.cohort_retention
            )
        order by cohort_month, month_number
    """,
    "rules": """
        select array_to_string(antecedent, ', ') as antecedent, * exclude (antecedent)
        from marts.association_rules
        order by lift desc, rule_count desc, consequent, antecedent
        limit 15
    """,
    "match_models": "from ops.match_models",
    "similar": """
        select
            count(*) filter (cut_reason is null) as n_joined,
            count(*) filter (cut_reason = 'for_review') as n_for_review
        from marts.identity_links where link_rule = 'similar_profile'
    """,
    "match_weights": """
        select
            *,
            row_number() over (
                partition by comparison order by level desc
            ) = 1 as is_first,
            abs(match_weight) / max(abs(match_weight)) over () as share
        from ops.match_weights order by comparison, level desc
    """,
    "files": """
        select source, status, count(*) as n_files, sum(n_lines) as n_lines,
            sum(n_accepted) as n_accepted, sum(n_duplicate) as n_duplicate,
            sum(n_quarantined) as n_quarantined
        from ops.loaded_files group by source, status order by source, status
    """,
}


def render_report(snapshot: Path) -> str:
    """Write the segment report of a snapshot as one HTML page.

    Every value from the data is escaped; the page loads nothing.
    """
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=select_autoescape(["html"])
    )
    with open_snapshot(snapshot) as connection:
        answers = {
            name: rows_by_name(connection, question)
            for name, question in _QUESTIONS.items()
        }
    return templates.get_template("report.html").render(
        run=answers.pop("run")[0], totals=answers.pop("totals")[0], **answers
    )
