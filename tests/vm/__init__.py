"""Tests of the installed schedctl in virtual machines that systemd has booted: docs/vm.md."""
