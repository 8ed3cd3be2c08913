"""The facade that a person or a service calls: market, accounts, orders, advice and the end of the day behind one object."""
