"""Rules over records of trainings, and what explains what."""
