"""Scenario files through the real core on a virtual clock."""
