"""How well the protocol was kept: reports and comparisons made from the record."""
