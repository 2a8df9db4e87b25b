"""The pure core: inputs in, decisions out; no clock, file or network."""
