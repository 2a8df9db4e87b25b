"""What people tell the core, checked. A wrong command raises CommandError and changes nothing."""
