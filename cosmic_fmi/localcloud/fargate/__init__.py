"""Fargate: tasks of ECS as processes or containers (service.py)."""
