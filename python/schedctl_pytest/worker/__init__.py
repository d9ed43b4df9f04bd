"""A worker's own process: takes items, runs them, reports them."""
