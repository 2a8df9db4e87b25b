"""Reads infusion pumps of the B. Braun Space family through the station's BCC protocol."""
