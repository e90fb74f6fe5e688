"""Arrow shards, the manifest, and the run folder they make up."""
