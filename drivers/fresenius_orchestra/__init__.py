"""Reads Fresenius Orchestra infusion pumps through the base's serial port."""
