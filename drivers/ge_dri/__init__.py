"""Reads GE and Datex-Ohmeda monitors through the record interface of the S/5 computer interface."""
