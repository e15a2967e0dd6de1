"""Pages of phase 1, a module a concern."""
