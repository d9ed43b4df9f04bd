"""SIGKILL for a run's processes at random moments; tools/kills starts it."""
