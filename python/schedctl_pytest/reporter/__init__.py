"""The user's pytest while workers run its items: starts them, shows what they report, notices
their ends."""
