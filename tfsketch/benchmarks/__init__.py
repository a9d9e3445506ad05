"""Speed against the floor and against the baselines, as ratios in one run."""
