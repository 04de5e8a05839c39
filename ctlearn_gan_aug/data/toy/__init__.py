"""A toy telescope and toy showers, for the demo and the tests: plausible, fast, not physics."""
