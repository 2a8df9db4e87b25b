"""Checks, minute by minute, that patients of a shock trial are treated as their protocol says."""

__version__ = "0.1.0"
