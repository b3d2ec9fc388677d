"""The examples in the docstrings of the public API run and print what they say."""

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize("module", ["bratseval", "bratseval.api"])
def test_examples_print_what_they_say(module: str) -> None:
    found = doctest.testmod(import_module(module))
    assert found.attempted > 0
    assert found.failed == 0
