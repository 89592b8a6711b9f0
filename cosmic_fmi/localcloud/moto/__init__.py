"""moto's backends, with types, and the models that are added to them (logs.py, ecs.py)."""
