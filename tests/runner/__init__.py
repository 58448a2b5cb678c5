"""Runs the shared fixtures against any language over the wire, and tests the fixtures themselves. Knows no language."""
