"""Requests of people: the local socket, checks, and the reply."""
