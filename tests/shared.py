"""Large data files that lie beside a checkout, where they do."""

import pytest
from django.conf import settings

SHARED = settings.BASE_DIR.parent / "shared" / "data"
needs_shared = pytest.mark.skipif(
    not SHARED.exists(), reason="the large data files are not beside this checkout"
)
