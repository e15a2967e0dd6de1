from pathlib import Path

import pytest

from authorities.services.reference import load_authorities
from authorities.services.starter import load_powers
from tests.authorities.powers import FOLDER


@pytest.fixture
def catalogue(db: None) -> Path:
    """The real starter catalogue of authorities, competences and grounds."""
    load_authorities(FOLDER)
    load_powers(FOLDER)
    return FOLDER
