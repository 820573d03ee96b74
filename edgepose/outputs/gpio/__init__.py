"""Switch a GPIO line by what is seen."""
