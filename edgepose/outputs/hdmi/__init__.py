"""Where a drawn picture goes: a console's display, a desktop's window, a framebuffer, nowhere."""
