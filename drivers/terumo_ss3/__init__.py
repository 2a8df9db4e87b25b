"""Reads Terumo TERUFUSION SS3 syringe pumps over the network."""
