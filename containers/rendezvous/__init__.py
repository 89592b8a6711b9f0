"""The Fargate image: the TCPunch rendezvous server."""
