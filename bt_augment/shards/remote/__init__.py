"""Runs and inputs on object storage: addressed by URL, worked on in a folder of the cache."""
