"""The two container images: what runs in Lambda and what runs in Fargate."""
