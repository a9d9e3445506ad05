"""The trainer, which knows no system; what a step of a system does is its `task`, in `systems`."""
