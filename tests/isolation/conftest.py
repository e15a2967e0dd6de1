"""The stage of objects is set up for every test of this folder that asks for it."""

from tests.isolation.stage import stage

__all__ = ["stage"]
