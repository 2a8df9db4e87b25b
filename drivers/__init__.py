"""Drivers: a package a device protocol, found by entry point, and the kit that they share."""
