"""Translations: compile without gettext's tools, extract with them, check that all is there.

messages.py compile | extract | check
"""

import re
import subprocess
import sys
from pathlib import Path

import polib

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "locale"
TRANSLATED = ("fi", "sv")
ALL = (*TRANSLATED, "en")


def catalogue(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def compile_all() -> None:
    """Write the .mo files that are missing or older than their source."""
    for language in ALL:
        source = catalogue(language)
        if not source.exists():
            continue
        target = source.with_suffix(".mo")
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            polib.pofile(str(source)).save_as_mofile(str(target))


def extract() -> None:
    """Bring the catalogues up to date with the code (needs gettext's xgettext and msgmerge)."""
    arguments = [f"--locale={language}" for language in ALL]
    subprocess.run(
        [sys.executable, "manage.py", "makemessages", *arguments, "--no-location", "--no-wrap",
         "--no-obsolete", "--ignore=.venv/*", "--ignore=node_modules/*", "--ignore=var/*",
         "--ignore=tests/*", "--verbosity=0"],
        cwd=ROOT, check=True,
    )  # fmt: skip
    for language in ALL:
        # The date of extraction would differ each time and tells nobody anything.
        file = polib.pofile(str(catalogue(language)), wrapwidth=0)
        file.metadata = {
            "Content-Type": "text/plain; charset=UTF-8",
            "Content-Transfer-Encoding": "8bit",
            "MIME-Version": "1.0",
            "Language": language,
            "Plural-Forms": "nplurals=2; plural=(n != 1);",
        }
        file.header = "Tarkka"
        file.sort(key=lambda entry: (entry.msgctxt or "", entry.msgid))
        file.save()


def missing(language: str) -> list[str]:
    """Message ids without a complete translation, or with placeholders that do not match."""
    found = []
    for entry in polib.pofile(str(catalogue(language))):
        if entry.obsolete:
            continue
        if language == "en" and not entry.fuzzy:
            continue
        if "fuzzy" in entry.flags or not entry.translated():
            found.append(entry.msgid)
        elif not _same_placeholders(entry):
            found.append(f"placeholders differ: {entry.msgid}")
    return found


def _same_placeholders(entry: polib.POEntry) -> bool:
    names = re.compile(r"%\((\w+)\)s|\{\{?\s*(\w+)")

    def of(text: str) -> set[str]:
        return {a or b for a, b in names.findall(text)}

    wanted = of(entry.msgid) | of(entry.msgid_plural or "")
    texts = entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr]
    return all(of(text) <= wanted for text in texts) and (
        bool(entry.msgid_plural) or of(entry.msgstr) == of(entry.msgid)
    )


def ids(language: str) -> set[tuple[str, str, str]]:
    """What identifies each message of a catalogue: context, id and plural."""
    file = polib.pofile(str(catalogue(language)))
    return {(e.msgctxt or "", e.msgid, e.msgid_plural or "") for e in file if not e.obsolete}


def check() -> int:
    """Fail when the code holds words that the catalogues lack, or a translation is missing."""
    texts = {language: catalogue(language).read_text(encoding="utf-8") for language in ALL}
    before = {language: ids(language) for language in ALL}
    try:
        extract()
        now = {language: ids(language) for language in ALL}
    finally:
        for language, text in texts.items():
            catalogue(language).write_text(text, encoding="utf-8")
    code = 0
    for language in ALL:
        for message in sorted(now[language] ^ before[language]):
            sys.stdout.write(f"{language}: run make messages, it concerns {message!r}\n")
            code = 1
        for message in missing(language):
            sys.stdout.write(f"{language}: not translated: {message!r}\n")
            code = 1
    return code


def main() -> int:
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command == "compile":
        compile_all()
    elif command == "extract":
        extract()
    elif command == "check":
        return check()
    else:
        sys.stdout.write(__doc__ or "")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
