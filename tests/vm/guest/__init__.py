"""What runs in the guest: runner.py, the themes, and what they share."""
