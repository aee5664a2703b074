"""How early stopping decides, what it keeps and puts back, and what it says."""
