"""The driver that `drivers new` copies: a whole small one, to be replaced part by part."""
