"""The two container images: executor/ runs in Lambda, rendezvous/ in Fargate. They share nothing."""
