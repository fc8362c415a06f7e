"""What kind of mailbox an address is of, by its domain: coarse, and no person's."""

from warehouse.adapters.quoting import sql_text

# Providers at which everybody can have a mailbox.
_PERSONAL = """
    126.com 163.com aol.com arcor.de bigpond.com bluewin.ch bol.com.br
    btinternet.com comcast.net cox.net docomo.ne.jp fastmail.com foxmail.com free.fr
    freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com hey.com
    hotmail.com icloud.com inbox.ru interia.pl laposte.net libero.it list.ru
    live.com mac.com mail.com mail.de mail.ru me.com msn.com naver.com o2.pl onet.pl
    optonline.net orange.fr outlook.com pm.me posteo.de proton.me protonmail.com
    qq.com rambler.ru rediffmail.com rocketmail.com sbcglobal.net seznam.cz sfr.fr
    shaw.ca sina.com sky.com t-online.de telenet.be tutanota.com uol.com.br
    verizon.net virgilio.it wanadoo.fr web.de wp.pl xs4all.nl yahoo.com yandex.com
    yandex.ru yeah.net ymail.com zoho.com
"""
_IN_MANY_COUNTRIES = r"^(?:yahoo|hotmail|live|outlook|gmx|ymail)\.(?:com?\.)?[a-z]{2}$"
_DISPOSABLE = """
    10minutemail.com discard.email dispostable.com emailondeck.com fakeinbox.com
    getnada.com guerrillamail.com mailcatch.com maildrop.cc mailinator.com
    mailnesia.com mintemail.com moakt.com mohmal.com sharklasers.com spamgourmet.com
    temp-mail.org tempmail.com throwawaymail.com trashmail.com yopmail.com
"""
_EDUCATION = r"(?:^|\.)(?:edu|ac|edu\.[a-z]{2}|ac\.[a-z]{2}|sch\.[a-z]{2})$"
_GOVERNMENT = (
    r"(?:^|\.)(?:gov|mil|gov\.[a-z]{2}|mil\.[a-z]{2}|gouv\.[a-z]{2}|gob\.[a-z]{2}"
    r"|europa\.eu|bund\.de)$"
)
_NO_DOMAIN = r"(?:^[^.]*|\.(?:test|example|invalid|localhost|local))$"

CLASSES = ("personal", "work", "education", "government", "disposable", "other")


def email_domain_class(email: str) -> str:
    """Tell in SQL what kind of mailbox an address is of: one of `CLASSES`.

    What is no known provider's, school's or office's is `work`; what cannot be reached
    from outside is `other`.
    """
    domain = f"rtrim(regexp_extract(lower(trim({email})), '@([^@\\s>]+)>?$', 1), '.')"

    def listed(domains: str) -> str:
        return f"{domain} in ({', '.join(map(sql_text, domains.split()))})"

    def matches(pattern: str) -> str:
        return f"regexp_matches({domain}, {sql_text(pattern)})"

    return f"""
        case
            when {email} is null then null
            when {listed(_PERSONAL)} or {matches(_IN_MANY_COUNTRIES)} then 'personal'
            when {listed(_DISPOSABLE)} then 'disposable'
            when {matches(_EDUCATION)} then 'education'
            when {matches(_GOVERNMENT)} then 'government'
            when {matches(_NO_DOMAIN)} then 'other'
            else 'work'
        end
    """
