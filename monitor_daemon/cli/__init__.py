"""The commands of `monitor-daemon`."""
