"""Accessible PDFs (PDF/UA-1, tagged) made by Typst, from data alone.

A document is a fixed ``.typ`` source in ``frontend/pdf``; what people wrote travels as JSON and is
shown as text, so that nothing in it can be read as markup. No network, no system fonts, no file
outside that folder.
"""

import json
from pathlib import Path
from typing import Any

import typst
from django.conf import settings
from django.utils.translation import get_language

FOLDER: Path = settings.BASE_DIR / "frontend" / "pdf"


def render_pdf(name: str, data: dict[str, Any], language: str | None = None) -> bytes:
    """Typeset ``frontend/pdf/<name>.typ`` with ``data`` (JSON) in ``language``; returns the PDF.

    ``data`` must hold ``title``; labels are given translated, the sources hold no words.
    """
    inputs = {
        "data": json.dumps(data, ensure_ascii=False, default=str),
        "language": (language or get_language() or "fi")[:2],
    }
    return bytes(
        typst.compile(
            str(FOLDER / f"{name}.typ"),
            root=str(FOLDER),
            font_paths=[str(FOLDER / "fonts")],
            ignore_system_fonts=True,
            sys_inputs=inputs,
            format="pdf",
            pdf_standards=["ua-1"],
        )
    )
