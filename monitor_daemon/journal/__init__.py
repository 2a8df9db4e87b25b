"""The record: inputs and decisions in SQLite under a hash chain, and the outbox."""
