"""From one YAML file to a checked, frozen `Config`; see `loader`."""
