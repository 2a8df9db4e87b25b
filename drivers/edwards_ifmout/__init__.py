"""Reads Edwards cardiac output monitors through their serial IFMout format."""
