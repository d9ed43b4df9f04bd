"""Before the run: what the engine is told of a suite, and why."""
