"""What decides which trial is next, and what keeps a search on the disk."""
