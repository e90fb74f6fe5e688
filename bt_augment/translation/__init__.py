"""Routes, models, and the engine that translates one hop."""
