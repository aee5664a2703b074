"""What a summary says beside its numbers."""
