"""What an installation has beside the programs: where it all is, completions, man pages."""
