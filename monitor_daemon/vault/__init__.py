"""Encrypted originals: the bytes as the wire brought them, for those who may see them."""
