"""In a real browser: once, with the program as it is installed."""

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.plain)
