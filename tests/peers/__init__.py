"""Other projects' tests of what we claim: pytest's own suite and pytest-xdist's, their inner pytest
sessions run below ``schedctl run``."""
