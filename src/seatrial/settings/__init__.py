"""What a trial is told: target, objectives, profiles, weights, waivers."""
