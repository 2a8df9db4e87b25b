"""The demonstration: a whole site in one process, on recorded patients."""
