"""Philips IntelliVue patient monitors (Data Export protocol)."""
