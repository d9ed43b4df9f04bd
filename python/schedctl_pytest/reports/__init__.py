"""What goes from a worker to the reporter and the engine, and how it is packed."""
