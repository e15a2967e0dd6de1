"""Looking for sites and companies: what is typed, brought to the entries' spelling, behind the walls.

Four looks, each only while there is room left: identifiers, beginnings of names, all words in any
order, and at last words that are like those typed. Every row is asked for its visibility before it
counts, so that a hidden row neither shows, nor takes a place, nor changes what else is found.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import connection
from django.db.models import BooleanField, F, Func, OuterRef, Q, QuerySet, Subquery, Value

from targets.models import Company, EntryKind, SearchEntry, Site

LOOKED_AT = 60  # entries of one look that are ranked
ALIKE = 24  # words taken for one mistyped word
BEGUN = 24  # words that a typed one may be the beginning of, to be asked for one by one
LEAST_LIKENESS = 0.4  # shared three-letter pieces of both words, 0..1
SIDES: dict[str, tuple[type[Any], str]] = {"s": (Site, "site"), "c": (Company, "company")}

_LETTERS = str.maketrans("øæđłßðþ", "oadlsdt")
_MARKS = re.compile("[\u0300-\u036f]")
_BETWEEN = re.compile(r"[\W_]+")
_BUSINESS_ID = re.compile(r"\b(?:fi)?\s?(\d{6,7})\s?-?\s?(\d)\b", re.I)
# Said with every firm: they tell nothing unless nothing else is said.
FORMS = {"oy", "ab", "oyj", "abp", "ky", "tmi", "ry", "ltd", "osk"}


def normal(text: str) -> str:
    """As ``targets_normal`` in the database does it."""
    text = unicodedata.normalize("NFKD", text).lower().translate(_LETTERS)
    return _BETWEEN.sub(" ", _MARKS.sub("", text)).strip()


@dataclass(frozen=True)
class Typed:
    """What was typed: ``text`` normal, ``words`` of it, ``code`` its letters and digits alone."""

    text: str
    words: tuple[str, ...]
    code: str

    @classmethod
    def of(cls, raw: str) -> "Typed":
        raw = raw[:100]
        # A business id is one word however it is written; as VAT number it has the country before.
        joined = _BUSINESS_ID.sub(lambda m: m[1].zfill(7) + m[2], raw.strip())
        words = normal(joined).split()
        telling = [word for word in words if word not in FORMS] or words
        code = "".join(words)
        return cls(normal(raw), tuple(telling[:8]), code)

    @property
    def looks_like_code(self) -> bool:
        return len(self.code) >= 4 and any(c.isdigit() for c in self.code) and len(self.code) <= 60

    @property
    def long(self) -> list[str]:
        return [word for word in self.words if len(word) >= SHORT]

    @cached_property
    def begun(self) -> dict[str, list[str]]:
        """The words that several long ones may begin, asked for once however often one looks."""
        return begun(self.long) if len(self.long) > 1 else {}


SHORT = 3  # letters from which a word's beginning tells enough for the index


def words_query(typed: Typed, marks: list[str], alike: dict[str, list[str]] | None = None) -> str:
    """The text query: all words, each begun or (``alike``) one of those like it, and all marks."""
    parts = [] if typed.long else [f"'{word}'" for word in typed.words]
    whole = typed.begun
    for word in typed.long:
        choices = [f"'{w}'" for w in whole[word]] if word in whole else [f"'{word}':*"]
        choices += [f"'{w}'" for w in (alike or {}).get(word, ())]
        parts.append(f"({' | '.join(choices)})")
    return " & ".join([*parts, *marks])


def begun(words: list[str]) -> dict[str, list[str]]:
    """Known words that begin with each, itself included; words that begin too many are left out.

    Of a beginning the index gathers all rows before it looks at the other words; of whole words it
    goes along the rarest and passes over the rows between. What is found is the same: every word
    that begins with three letters is known (``SearchWord``), and others are not looked up.
    """
    asked = [word for word in words if word.isascii() and word.isalpha()]
    if not asked:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT t.word, b.word FROM unnest(%(words)s) t(word) CROSS JOIN LATERAL (
              SELECT w.word FROM targets_searchword w
               WHERE w.word > t.word AND w.word < t.word || '\U0010ffff'
               ORDER BY w.word LIMIT %(number)s) b
            """,
            {"words": asked, "number": BEGUN + 1},
        )
        found = {word: [word] for word in asked}
        for word, whole in sorted(cursor.fetchall()):
            found[word].append(whole)
    return {word: known for word, known in found.items() if len(known) <= BEGUN + 1}


def marks_of(side: str, actor: Any) -> list[str]:
    """What the index can say of visibility: sites or companies, and of sites the regions."""
    marks = [f"'#{side}'"]
    if side == "s" and actor.region_ids:
        regions = " | ".join(f"'#{region}'" for region in sorted(actor.region_ids))
        marks.append(f"({regions})")
    return marks


def _match(query: str, *, indexed: bool) -> Func:
    # Cast, because to_tsquery would read the words once more.
    asked = Func(Value(query), template="%(expressions)s::tsquery")
    words = F("words") if indexed else Func(F("words"), template="strip(%(expressions)s)")
    return Func(
        words, asked, arg_joiner=" @@ ", template="%(expressions)s", output_field=BooleanField()
    )


def matching(
    rows: QuerySet[SearchEntry],
    typed: Typed,
    marks: list[str],
    alike: dict[str, list[str]] | None = None,
) -> QuerySet[SearchEntry]:
    """Entries with all words. Beginnings of one or two letters would be half the index: they are
    tried on what the longer words found.
    """
    rows = rows.filter(_match(words_query(typed, marks, alike), indexed=True))
    short = [f"'{word}':*" for word in typed.words if len(word) < SHORT]
    if short and typed.long:
        rows = rows.filter(_match(" & ".join(short), indexed=False))
    return rows


def beginning(rows: QuerySet[SearchEntry], typed: Typed) -> QuerySet[SearchEntry]:
    """Names that begin as typed."""
    return rows.exclude(kind=EntryKind.CODE).filter(text__startswith=typed.text)


def seen_entries(side: str, actor: Any) -> QuerySet[SearchEntry]:
    """Entries of sites or companies that the actor may see.

    The scalar sub-select with LIMIT is asked row by row and stops with the page; a join would be
    planned as a hash of the whole register.
    """
    model, name = SIDES[side]
    target = model.objects.visible_to(actor).filter(pk=OuterRef(f"{name}_id")).order_by("pk")
    return SearchEntry.objects.alias(seen=Subquery(target.values("pk")[:1])).filter(
        **{f"{name}__isnull": False}, seen__isnull=False
    )


@dataclass(frozen=True)
class Hit:
    """One target: its id, and the former name or identifier it was found by, if not its name."""

    pk: int
    kind: str
    shown: str


def find(actor: Any, side: str, raw: str, limit: int, *, guess: bool = True) -> list[Hit]:
    """The best ``limit`` visible sites (``side`` "s") or companies ("c"). At most seven queries.

    Without ``guess`` every word must be there as typed: a choice is made of what comes of it.
    Asked twice in one request (an actor lives as long), it is looked for once.
    """
    asked = actor.__dict__.setdefault("_found", {})
    key = (side, raw, limit, guess)
    if key not in asked:
        asked[key] = _find(actor, side, raw, limit, guess)
    return list(asked[key])


def _find(actor: Any, side: str, raw: str, limit: int, guess: bool) -> list[Hit]:
    typed = Typed.of(raw)
    if not typed.words:
        return []
    hits: dict[int, Hit] = {}
    looks = (_by_code, _by_beginning, _by_words, _by_likeness)
    for look in looks if guess else looks[:3]:
        for hit in look(actor, side, typed):
            hits.setdefault(hit.pk, hit)
        if len(hits) >= limit:
            break
    return list(hits.values())[:limit]


def holding(rows: QuerySet[Any], side: str, actor: Any, raw: str) -> QuerySet[Any]:
    """Those of ``rows`` (sites or companies) with all words typed, or an identifier begun so.

    Of words of one or two letters alone also those with a name that begins as typed. Where the
    actor sees nothing of that kind, those with words like them (``spellings``).
    """
    typed = Typed.of(raw)
    if not typed.words:
        return rows.none()
    name = f"{SIDES[side][1]}_id"
    entries = of_side(side)
    alike = spellings(actor, side, typed)
    found = matching(entries, typed, marks_of(side, actor), alike)
    if not typed.long:
        found |= beginning(entries, typed)
    if alike or not typed.looks_like_code:
        return rows.filter(pk__in=found.values(name))
    codes = entries.filter(kind=EntryKind.CODE, text__startswith=typed.code)
    return rows.filter(Q(pk__in=found.values(name)) | Q(pk__in=codes.values(name)))


def named_so(
    side: str, actor: Any, raw: str
) -> tuple[QuerySet[SearchEntry], QuerySet[SearchEntry]] | None:
    """Of what ``holding`` finds by one or two letters: entries that the actor may see whose names
    begin so, and all that have the letters as words. None where longer words were typed, or what may
    be an identifier in pieces ("12 34"): rows that are found by that alone have no such name.
    """
    typed = Typed.of(raw)
    if typed.long or not typed.words or typed.looks_like_code:
        return None
    begun = beginning(seen_entries(side, actor), typed)
    return begun, matching(of_side(side), typed, marks_of(side, actor))


def of_side(side: str) -> QuerySet[SearchEntry]:
    return SearchEntry.objects.filter(**{f"{SIDES[side][1]}__isnull": False}).order_by()


def spellings(actor: Any, side: str, typed: Typed) -> dict[str, list[str]]:
    """Words to take for those typed where the actor sees no row that holds them as typed; else none.

    It is asked of all that the actor sees, whatever else narrows a list: so list, map, export and
    bulk read the words alike, and neither another filter nor a hidden row changes how. One query,
    of a code two, and one more where the spelling is guessed; once for an actor. None where no word
    is long enough to be guessed.
    """
    asked = actor.__dict__.setdefault("_spelled", {})
    if (side, typed) not in asked:
        known = not _to_guess(typed.words) or _seen_as_typed(actor, side, typed)
        asked[side, typed] = {} if known else words_alike(typed.words)
    return asked[side, typed]  # type: ignore[no-any-return]


def _seen_as_typed(actor: Any, side: str, typed: Typed) -> bool:
    """Entries are walked as the search itself walks them: of names alone, for only these stand in the
    order of their text (of a word that half a million sites have, all were sorted: 0.3 s)."""
    rows = matching(_names(side, actor), typed, marks_of(side, actor))
    return bool(_by_code(actor, side, typed) or _take(rows, side))


def _take(rows: QuerySet[SearchEntry], side: str, number: int = LOOKED_AT) -> list[Any]:
    """The first rows in the order of their text.

    The limit lets the planner choose: for a common word the walk along the texts, which is soon
    full; for a rare one the index of words.
    """
    values = rows.values_list(f"{SIDES[side][1]}_id", "kind", "shown", "text")
    return list(values.order_by("text", "pk")[:number])


def _hits(rows: list[Any]) -> list[Hit]:
    return [Hit(pk, kind, shown) for pk, kind, shown, _text in rows]


def _names(side: str, actor: Any) -> QuerySet[SearchEntry]:
    return seen_entries(side, actor).exclude(kind=EntryKind.CODE)


def _by_code(actor: Any, side: str, typed: Typed) -> list[Hit]:
    if not typed.looks_like_code:
        return []
    codes = {typed.code}
    if typed.code[:2].isalpha() and typed.code[2:].isdigit():
        codes.add(typed.code[2:])  # a VAT number without its country
    begins = Q()
    for code in sorted(codes):
        begins |= Q(text__startswith=code)
    rows = seen_entries(side, actor).filter(begins, kind=EntryKind.CODE)
    return _hits(_take(rows, side, 20))


def _by_beginning(actor: Any, side: str, typed: Typed) -> list[Hit]:
    return _hits(_take(beginning(seen_entries(side, actor), typed), side, 30))


def _by_words(actor: Any, side: str, typed: Typed) -> list[Hit]:
    rows = _take(matching(_names(side, actor), typed, marks_of(side, actor)), side)
    return _hits(sorted(rows, key=lambda row: _distance(typed, row[3])))


def _by_likeness(actor: Any, side: str, typed: Typed) -> list[Hit]:
    alike = words_alike(typed.words)
    if not any(alike.values()):
        return []
    rows = _take(matching(_names(side, actor), typed, marks_of(side, actor), alike), side)
    return _hits(sorted(rows, key=lambda row: _distance(typed, row[3])))


def _distance(typed: Typed, text: str) -> tuple[float, int, str]:
    """Less is better: pieces of three letters that differ, then length."""
    ours, theirs = _pieces(typed.text), _pieces(text)
    return (-len(ours & theirs) / max(1, len(ours | theirs)), len(text), text)


def _pieces(text: str) -> set[str]:
    return {
        word[i : i + 3] for w in text.split() for word in [f"  {w} "] for i in range(len(word) - 2)
    }


def words_alike(words: tuple[str, ...]) -> dict[str, list[str]]:
    """Known words that each word may have been meant to be: alike, two letters swapped, or a part.

    One query. The words come from all entries, also of rows the actor does not see: which are taken
    for a typed word is never shown, and a hidden row's word finds nothing.
    """
    asked = _to_guess(words)
    if not asked:
        return {}
    swapped = [(word, s) for word in asked for s in _swaps(word)]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT t.word, l.word FROM unnest(%(words)s) t(word) CROSS JOIN LATERAL (
              SELECT w.word FROM targets_searchword w
               WHERE (w.word %% t.word AND similarity(w.word, t.word) >= %(least)s)
                  OR w.word LIKE '%%' || t.word || '%%'
               ORDER BY similarity(w.word, t.word) DESC, w.word LIMIT %(number)s) l
            UNION
            SELECT s.word, s.other FROM unnest(%(of)s, %(swaps)s) s(word, other)
              JOIN targets_searchword w ON w.word = s.other
            """,
            {
                "words": asked, "least": LEAST_LIKENESS, "number": ALIKE,
                "of": [word for word, _s in swapped], "swaps": [s for _word, s in swapped],
            },
        )  # fmt: skip
        alike: dict[str, list[str]] = {}
        for word, other in sorted(cursor.fetchall()):
            alike.setdefault(word, []).append(other)
    return alike


def _to_guess(words: tuple[str, ...]) -> list[str]:
    return [word for word in words if len(word) >= 4 and word.isalpha()]


def _swaps(word: str) -> list[str]:
    return [word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)]
