"""What the machine and systemd offer: paths, status file, watchdog socket, board, malloc."""
