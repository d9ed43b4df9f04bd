"""schedctl run: processes, signals, environment, options, and suites end to end."""
