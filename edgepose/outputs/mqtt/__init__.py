"""Events, states and commands over MQTT, and Home Assistant discovery."""
