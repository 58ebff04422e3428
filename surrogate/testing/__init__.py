"""Made-up data and contract suites, for the tests of this package and of its plugins."""
