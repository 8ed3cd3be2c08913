"""What is traded and when: instruments, calendar, bars, quotes, chains, corporate events."""
