"""Fixtures of the tests of the examples."""

from tests.testbed.registry import registry

__all__ = ["registry"]
