"""All guides."""

from benchmarks.diagnosis.guides import images, series, several, tables, text
from benchmarks.diagnosis.guides.guide import Guide

GUIDES: tuple[Guide, ...] = (
    *images.GUIDES,
    *text.GUIDES,
    *series.GUIDES,
    *tables.GUIDES,
    *several.GUIDES,
)
