"""All guides."""

from benchmarks.diagnosis.guides import (
    dense_outputs,
    first_steps,
    images,
    series,
    several,
    tables,
    text,
    transfer,
)
from benchmarks.diagnosis.guides.guide import Guide

KINDS = (first_steps, images, transfer, text, dense_outputs, series, tables, several)
GUIDES: tuple[Guide, ...] = tuple(guide for kind in KINDS for guide in kind.GUIDES)
