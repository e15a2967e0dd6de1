"""Loads the starter catalogue of powers and grounds; can be run again at any time.

What a person has edited or reviewed is left as it is. Everything else is shown as starter data that
has not been reviewed.
"""

from pathlib import Path
from typing import Any

import yaml
from django.db import transaction
from django.utils import timezone

from authorities.models import (
    Authority,
    AuthorityGroup,
    Competence,
    Ground,
    GroundState,
    GroundVersion,
    Interest,
    Limit,
    NeutralPhrase,
    Term,
    TermKind,
)

# Conditions that make a ground an exception: it needs more than the kind of information.
NARROW = {
    "consent", "offence_over_six_months", "weighty_reason", "serious_danger", "serious_threat",
    "commanding_officer",
}  # fmt: skip
EVERYBODY_BUT = ["helping_body", "trade_union", "eu_body"]
STARTER_LANGUAGES = ("fi", "sv", "en")
# The file describes its groups in English and at length; these are their names on pages.
GROUP_NAMES = {
    "G_STATE_MUNICIPAL_ALAND": {
        "fi": "valtion, kuntien ja Ahvenanmaan viranomaiset (621/1999 4 §)",
        "sv": "statliga och kommunala myndigheter och myndigheter på Åland (621/1999 4 §)",
        "en": "state, municipal and Åland authorities (621/1999 section 4)",
    },
    "G_ANY_AUTHORITY": {
        "fi": "mikä tahansa viranomainen tai julkista tehtävää hoitava",
        "sv": "vilken myndighet eller vilket organ med offentligt uppdrag som helst",
        "en": "any authority or body with a public task",
    },
    "G_PTR": {
        "fi": "poliisi, Tulli ja Rajavartiolaitos (PTR, 687/2009)",
        "sv": "polisen, Tullen och Gränsbevakningsväsendet (PTG, 687/2009)",
        "en": "police, Customs and Border Guard (PTR, 687/2009)",
    },
    "G_CRIMINAL_JUSTICE": {
        "fi": "esitutkintaviranomaiset ja syyttäjät",
        "sv": "förundersökningsmyndigheterna och åklagarna",
        "en": "pre-trial investigation authorities and prosecutors",
    },
    "G_INSURERS": {
        "fi": "eläke- ja tapaturmavakuuttajat ja niiden keskukset",
        "sv": "pensions- och olycksfallsförsäkrare och deras centraler",
        "en": "pension and accident insurers and their centres",
    },
}


def _texts(entry: dict[str, str], prefix: str) -> dict[str, str]:
    return {f"{prefix}_{code}": entry.get(code, "") for code in STARTER_LANGUAGES}


@transaction.atomic
def load_powers(folder: Path) -> dict[str, int]:
    """Read ``authorities.yaml``: vocabularies, groups, competences, grounds, interests, limits.

    Returns how many of each the file holds. Authorities must be loaded before.
    """
    data = yaml.safe_load((folder / "authorities.yaml").read_text(encoding="utf-8"))
    authorities = {a.code: a for a in Authority.objects.order_by("code")}
    _load_terms(data["vocabularies"])
    for code, entry in data["groups"].items():
        _load_group(code, entry)
    for entry in data["competences"]:
        _load_competence(entry, authorities)
    for entry in data["disclosure_rules"]:
        _load_ground(entry)
    for entry in data["authorities"]:
        _load_interests(entry, authorities)
    for entry in data["limits"]:
        Limit.objects.update_or_create(
            code=entry["id"], defaults={"basis": entry["basis"], **_texts(entry["text"], "text")}
        )
    for entry in data["neutral_phrases"]:
        NeutralPhrase.objects.update_or_create(
            code=entry["id"], defaults=_texts(entry["text"], "text")
        )
    return {
        "competences": len(data["competences"]), "grounds": len(data["disclosure_rules"]),
        "limits": len(data["limits"]), "phrases": len(data["neutral_phrases"]),
    }  # fmt: skip


def _load_terms(vocabularies: dict[str, Any]) -> None:
    for kind in TermKind.values:
        for order, (code, names) in enumerate(vocabularies[kind].items()):
            Term.objects.update_or_create(
                kind=kind, code=code,
                defaults={
                    **_texts(names, "name"), "order": order,
                    "narrow": kind == TermKind.REQUIRES and code in NARROW,
                },
            )  # fmt: skip


def _load_group(code: str, entry: dict[str, Any]) -> None:
    """A group; what it said until now is kept, so that past answers stay as they were."""
    named = isinstance(entry["members"], list)
    members = entry["members"] if named else []
    all_but_kinds = [] if named else EVERYBODY_BUT
    names = _texts(GROUP_NAMES.get(code, {}), "name")
    group, created = AuthorityGroup.objects.select_for_update().get_or_create(
        code=code,
        defaults={
            "label": entry["label"], "members": members, "all_but_kinds": all_but_kinds, **names,
        },
    )  # fmt: skip
    if created:
        return
    if (group.members, group.all_but_kinds) != (members, all_but_kinds):
        group.earlier = [
            *group.earlier,
            {
                "until": timezone.now().isoformat(), "members": group.members,
                "all_but_kinds": group.all_but_kinds,
            },
        ]  # fmt: skip
        group.members, group.all_but_kinds = members, all_but_kinds
    group.label = entry["label"]
    for name, value in names.items():
        setattr(group, name, value)
    group.save()


def _load_competence(entry: dict[str, Any], authorities: dict[str, Authority]) -> None:
    known = Competence.objects.filter(code=entry["id"]).first()
    if known is not None and (known.edited or known.reviewed_by):
        return
    question = entry.get("open_question", "")
    Competence.objects.update_or_create(
        code=entry["id"],
        defaults={
            "authority": authorities.get(entry["authority"]),
            "group": AuthorityGroup.objects.filter(code=entry["authority"]).first(),
            "action": entry["action"],
            "premises": entry["premises"], "notice": entry["notice"],
            "entry_right": entry["entry_right"], "basis": entry["basis"],
            "confidence": entry["confidence"], "open_question": str(question or ""),
            "valid_from": entry.get("valid_from"), "valid_to": entry.get("valid_to"),
            **_texts(entry["conditions"], "text"),
        },
    )  # fmt: skip


def _load_ground(entry: dict[str, Any]) -> None:
    """A ground with its first version; a corrected entry of the file makes a new one.

    Published versions are history and are not touched. As soon as a person has written or reviewed
    a version, the ground is theirs and the file is no longer followed.
    """
    ground, _created = Ground.objects.get_or_create(code=entry["id"])
    values = _values_of(entry)
    known = list(ground.versions.order_by("number"))
    if any(v.drafted_by_id is not None or v.is_reviewed for v in known):
        return
    if known and all(getattr(known[-1], name) == value for name, value in values.items()):
        return
    GroundVersion.objects.create(
        ground=ground, number=len(known) + 1, state=GroundState.PUBLISHED,
        published_at=timezone.now(), **values,
    )  # fmt: skip


def _values_of(entry: dict[str, Any]) -> dict[str, Any]:
    """Columns of a version from a rule of the file."""
    giver = entry["giver"]
    kinds = {"proposed": "proposed", "open_question": "open_question"}
    return {
        "kind": kinds.get(entry.get("status", ""), "in_force"),
        "givers": giver if isinstance(giver, list) else [giver],
        "receivers": entry["receivers"], "information": entry["information"],
        "mode": entry["mode"], "force": entry["force"], "requires": entry["requires"],
        "basis": [{key: str(value) for key, value in e.items()} for e in entry["basis"]],
        "confidence": entry["confidence"], "onward": entry.get("onward", ""),
        "valid_from": entry.get("valid_from"), "valid_to": entry.get("valid_to"),
        "test_cases": [
            {key: str(value) for key, value in case.items()}
            for case in entry.get("test_cases", [])
        ],
        **_texts(entry["conditions"], "text"),
    }  # fmt: skip


def _load_interests(entry: dict[str, Any], authorities: dict[str, Authority]) -> None:
    """Starter interests, only for an authority that has none of its own making."""
    authority = authorities[entry["code"]]
    if Interest.objects.filter(authority=authority, from_starter=False).exists():
        return
    for code in entry.get("interests", []):
        Interest.objects.get_or_create(
            authority=authority, information=code, from_starter=True,
            defaults={"valid_from": authority.valid_from, "valid_to": authority.valid_to},
        )  # fmt: skip
