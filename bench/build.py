"""A whole country's register, built set by set in SQL: the same rows for the same sizes.

SITES, SIGNALS, AUTHORITIES and PEOPLE change the sizes (1,000,000, 3,000,000, 30 and 2,000). Needs
the owner's connection and a migrated, empty database; ``python -m bench.pages`` calls it.
"""

import os
import time
from dataclasses import dataclass
from io import StringIO
from typing import Any


@dataclass(frozen=True)
class Sizes:
    """How much is built. Visits are 0.6 a site; a tenth of the signals is disclosed."""

    sites: int = int(os.environ.get("SITES", "1000000"))
    signals: int = int(os.environ.get("SIGNALS", "3000000"))
    authorities: int = int(os.environ.get("AUTHORITIES", "30"))
    people: int = int(os.environ.get("PEOPLE", "2000"))

    @property
    def companies(self) -> int:
        return self.sites * 7 // 10


# ``u(i, seed)``: a number in [0, 1) that depends on nothing but its arguments.
HELPERS = """
CREATE FUNCTION pg_temp.u(i bigint, seed bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS
$$ SELECT ((hashint8extended(i, seed) >> 12) & 4503599627370495) / 4503599627370496.0 $$;
CREATE FUNCTION pg_temp.pick(list text[], x float8) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT list[1 + floor(x * cardinality(list))::int] $$;
CREATE FUNCTION pg_temp.word(i bigint, seed bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT initcap(
  pg_temp.pick('{aal,ha,hä,jär,kal,kar,kie,koi,kos,ky,lai,leh,lep,mäk,mar,mus,nie,num,ou,pel,pih,
    poh,puo,raja,rau,sa,sal,sep,sor,suo,tam,tuu,uk,vaa,vir,väi,yli,öst,söder,berg}'::text[],
    pg_temp.u(i, seed))
  || pg_temp.pick('{la,ti,ki,ta,ma,ni,no,va,to,ne,hu,ra,li,ja,lä,kä,po,mi,sta,ka}'::text[],
    pg_temp.u(i, seed + 1))
  || pg_temp.pick('{nen,lainen,mäki,niemi,järvi,ranta,la,lä,saari,koski,vuori,harju,lahti,kangas,
    ström,lund,puro,salo,korpi,talo}'::text[], pg_temp.u(i, seed + 2))) $$;
CREATE TEMP TABLE b_area AS SELECT row_number() OVER (ORDER BY md5(code)) AS n, id, region_id,
  longitude, latitude, name_fi FROM authorities_area
  WHERE kind = 'municipality' AND country = 'FI' AND valid_to IS NULL AND longitude IS NOT NULL;
CREATE TEMP TABLE b_industry AS SELECT row_number() OVER (ORDER BY i.path) AS n, i.id
  FROM targets_industry i JOIN targets_industryedition e ON e.id = i.edition_id
  WHERE e.code = 'TOL2025' AND i.level >= 2;
"""
PEOPLE = """
CREATE TEMP TABLE b_authority AS SELECT row_number() OVER (ORDER BY a.inspects DESC, a.code) AS n,
  a.id, (SELECT min(u.id) FROM authorities_unit u WHERE u.authority_id = a.id) AS unit
  FROM authorities_authority a WHERE a.valid_to IS NULL
   AND EXISTS (SELECT 1 FROM authorities_unit u WHERE u.authority_id = a.id) LIMIT %(authorities)s;
"""
COMPANIES = """
INSERT INTO targets_company (public_id, name, business_id, kind, country, form, status, industry_id,
  municipality_id, address, postal_code, registered_on, source, website, raw, created_at, updated_at)
SELECT md5('company' || i)::uuid,
  pg_temp.word(i, 10) || ' ' || pg_temp.pick('{Rakennus,Ravintolat,Siivous,Kuljetus,Palvelu,Kauppa,
    Group,Yhtiöt,Autohuolto,Konsultointi,Invest,Kiinteistöt}'::text[], pg_temp.u(i, 20)) || ' Oy',
  lpad((1000000 + i)::text, 7, '0') || '-' || (i %% 10), 'legal', 'FI', '16',
  pg_temp.pick('{active,active,active,active,active,active,active,ceased,bankrupt,unknown}'::text[],
    pg_temp.u(i, 21)),
  d.id, a.id, pg_temp.word(i, 30) || 'ntie ' || (1 + i %% 99), '00100',
  date '2026-01-01' - (power(pg_temp.u(i, 22), 2) * 14000)::int, 'bench', '', '{}', now(), now()
FROM generate_series(1, %(companies)s) i
JOIN b_area a ON a.n = 1 + floor((SELECT count(*) FROM b_area) * power(pg_temp.u(i, 23), 2.2))::int
JOIN b_industry d ON d.n = 1 + (hashint8extended(i, 24) & 1048575) %% (SELECT count(*) FROM b_industry);
INSERT INTO targets_companyname (company_id, name, kind, language, valid_from, valid_to, source)
SELECT c.id, pg_temp.word(c.id, 40) || ' Oy', 'trade', '', date '2005-01-01', date '2015-01-01', 'bench'
FROM targets_company c WHERE c.id %% 10 = 0;
CREATE TEMP TABLE b_company AS SELECT row_number() OVER (ORDER BY id) AS n, id FROM targets_company;
CREATE UNIQUE INDEX ON b_company (n); ANALYZE b_company;
"""
SITES = """
INSERT INTO targets_site (public_id, name_fi, name_sv, name_en, name, type, locator, kind,
  company_id, industry_id, municipality_id, region_id, address, postal_code, longitude, latitude,
  staff_estimate, status, opened_on, source, source_key, created_at, updated_at)
SELECT md5('site' || i)::uuid, t.name, CASE WHEN i %% 20 = 0 THEN 'Restaurang ' || t.word ELSE '' END,
  '', t.name, 'establishment', '', '', c.id, d.id, a.id, a.region_id,
  pg_temp.word(i, 50) || 'nkatu ' || (1 + i %% 150), lpad((i %% 99999)::text, 5, '0'),
  round((a.longitude + (pg_temp.u(i, 51) + pg_temp.u(i, 52) - 1) * 0.35)::numeric, 5),
  round((a.latitude + (pg_temp.u(i, 53) + pg_temp.u(i, 54) - 1) * 0.15)::numeric, 5),
  (1 + 300 * power(pg_temp.u(i, 55), 5))::int,
  pg_temp.pick('{active,active,active,active,active,active,active,active,closed,unknown}'::text[],
    pg_temp.u(i, 56)),
  date '2026-01-01' - (pg_temp.u(i, 57) * 9000)::int, 'bench', i::text, now(), now()
FROM (SELECT i, pg_temp.word(i, 60) AS word, CASE WHEN pg_temp.u(i, 64) < 0.08
    THEN 'Ravintola ' || pg_temp.word(i, 60)
    ELSE pg_temp.word(i, 60) || ' ' || pg_temp.pick('{työmaa,toimipaikka,myymälä,varasto,kahvila,
      ravintola,parturi,pesula,korjaamo,autopesu,hotelli,kebab}'::text[], pg_temp.u(i, 65)) END AS name
  FROM generate_series(1, %(sites)s) i) t
JOIN b_area a ON a.n = 1 + floor((SELECT count(*) FROM b_area) * power(pg_temp.u(i, 61), 2.2))::int
JOIN b_company c ON c.n = 1 + floor(%(companies)s * pg_temp.u(i, 62))::int
JOIN b_industry d ON d.n = 1 + (hashint8extended(i, 63) & 1048575) %% (SELECT count(*) FROM b_industry);
CREATE TEMP TABLE b_site AS SELECT row_number() OVER (ORDER BY id) AS n, id FROM targets_site;
CREATE UNIQUE INDEX ON b_site (n); ANALYZE b_site;
"""
VISITS = """
INSERT INTO targets_pastvisit (public_id, site_id, authority_id, shared, "on", kind, outcome,
  detail, source, source_key, previous)
SELECT md5('visit' || i)::uuid, s.id, a.id, pg_temp.u(i, 70) < 0.6,
  date '2026-11-01' - (pg_temp.u(i, 71) * 2500)::int, 'inspection',
  pg_temp.pick('{no_remarks,no_remarks,no_remarks,minor,minor,serious,severe,not_possible}'::text[],
    pg_temp.u(i, 72)), '{}', 'bench', i::text, '[]'
FROM generate_series(1, %(sites)s * 6 / 10) i
JOIN b_site s ON s.n = 1 + floor(%(sites)s * power(pg_temp.u(i, 73), 1.6))::int
JOIN b_authority a ON a.n = 1 + floor(%(authorities)s * pg_temp.u(i, 74))::int;
"""
SIGNALS = """
INSERT INTO targets_signal (public_id, client_id, authority_id, unit_id, author_id, about, site_id,
  topic, kind, source_type, reliability, accuracy, observed_on, text, classification, purpose,
  retention_id, expires_on, created_at)
SELECT md5('signal' || i)::uuid, md5('client' || i)::uuid, a.id, a.unit, p.id, 'site', s.id, '',
  'tip', 'observation', 'C', '3', date '2026-11-01' - (pg_temp.u(i, 80) * 1500)::int, 'Bench',
  'confidential', 'bench', (SELECT min(id) FROM targets_retentionclass), date '2031-01-01', now()
FROM generate_series(%(first)s, %(last)s) i
JOIN b_site s ON s.n = 1 + floor(%(sites)s * pg_temp.u(i, 81))::int
JOIN b_authority a ON a.n = 1 + floor(%(authorities)s * pg_temp.u(i, 82))::int
JOIN b_person p ON p.authority = a.id AND p.nth = 1;
"""
DISCLOSURES = """
INSERT INTO targets_disclosure (public_id, signal_id, kind, giver_id, receiver_id, ground_id,
  ground_text, mode, "on", purpose, confirmed, expires_on, may_pass_on, context_type, state,
  given_by_id, given_at, end_reason)
SELECT md5('given' || g.id)::uuid, g.id, 'tip', g.authority_id, r.id,
  (SELECT min(id) FROM authorities_groundversion), 'x', 'may_give', date '2026-11-01', 'bench', '{}',
  date '2030-01-01', false, '', 'active', g.author_id, now(), ''
FROM targets_signal g
JOIN b_authority r ON r.n = 1 + floor(%(authorities)s * pg_temp.u(g.id, 90))::int
WHERE g.id %% 10 = 0 AND r.id <> g.authority_id;
"""


def people(cursor: Any, sizes: Sizes) -> None:
    """Two thousand people, one membership each; the first of each authority is its administrator."""
    from authorities.models import Membership, Unit, User

    cursor.execute(PEOPLE, {"authorities": sizes.authorities})
    cursor.execute("SELECT id, unit FROM b_authority ORDER BY n")
    places = cursor.fetchall()
    users = User.objects.bulk_create(
        [
            User(email=f"bench{n}@example.invalid", first_name="Bench", last_name=f"Person {n}")
            for n in range(sizes.people)
        ],
        batch_size=500,
    )
    units = {unit.pk: unit for unit in Unit.objects.filter(pk__in=[p[1] for p in places])}
    Membership.objects.bulk_create(
        [
            Membership(
                user=user, unit=units[places[n % len(places)][1]],
                authority_id=places[n % len(places)][0],
                roles=["administrator" if n < len(places) else "inspector"],
            )
            for n, user in enumerate(users)
        ],
        batch_size=500,
    )  # fmt: skip
    cursor.execute(
        "CREATE TEMP TABLE b_person AS SELECT user_id AS id, authority_id AS authority,"
        " row_number() OVER (PARTITION BY authority_id ORDER BY user_id) AS nth"
        " FROM authorities_membership"
    )


def build(sizes: Sizes | None = None, say: Any = print) -> dict[str, float]:
    """Build everything through the owner's connection; returns the seconds of each part."""
    from django.core.management import call_command
    from django.db import connection, transaction

    from audit.context import as_system

    sizes = sizes or Sizes()
    values = {**vars(sizes), "companies": sizes.companies}
    took: dict[str, float] = {}
    with as_system("bench"):
        call_command("load_reference", verbosity=0, stdout=StringIO())
        with transaction.atomic(), connection.cursor() as cursor:
            parts = [("helpers", HELPERS), ("people", None), ("companies", COMPANIES),
                     ("sites", SITES), ("visits", VISITS)]  # fmt: skip
            step = 250_000
            for first in range(1, sizes.signals + 1, step):
                parts.append((f"signals {first}", SIGNALS))
            parts.append(("disclosures", DISCLOSURES))
            for name, sql in parts:
                start = time.perf_counter()
                if sql is None:
                    people(cursor, sizes)
                else:
                    first = int(name.split()[1]) if name.startswith("signals") else 0
                    last = min(first + step - 1, sizes.signals)
                    cursor.execute(sql, values | {"first": first, "last": last})
                took[name.split()[0]] = took.get(name.split()[0], 0) + time.perf_counter() - start
                say(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
        connection.set_autocommit(True)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    return took


def starter_models() -> None:
    """The starter set's models in use, each of an authority of its own."""
    from django.db import transaction

    from audit.context import as_system
    from authorities.models import Authority
    from risk.services import starter

    with as_system("bench"), transaction.atomic():
        for code, name in (("LVV_OSH", "OSH"), ("TAX", "Tax"), ("POLICE", "Police")):
            Authority.objects.get_or_create(code=code, defaults={"name_fi": name})
        starter.load_starter(activate=True)


if __name__ == "__main__":
    import django

    django.setup()
    build()
