"""The policy played over a recorded market, day by day, through the code that gives the live advice."""
