"""The moving parts: threads, mailboxes, order of start and stop."""
