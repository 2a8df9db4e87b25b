"""Reads Alaris GH, CC, TIVA and PK syringe pumps over their serial port."""
