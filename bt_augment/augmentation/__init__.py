"""New pairs out of native ones."""
