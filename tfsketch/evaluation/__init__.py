"""Quality measures (`metrics`) and their reports (`report`); protocols belong to the systems."""
