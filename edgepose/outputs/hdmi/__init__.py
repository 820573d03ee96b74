"""The screen: a console's display, a desktop window, a framebuffer, or none."""
