"""Choosing a joint portfolio of visits: arrays in, plan and proof out. Knows nothing of Django.

``problem`` says what is given, ``plan`` what comes out; the method is explained to a judge in
``docs/selection.md``.
"""
