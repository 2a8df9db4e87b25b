"""What leaves the house: messages for the MQTT broker, and the broker for sites without one."""
