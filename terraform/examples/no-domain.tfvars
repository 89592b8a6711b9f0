# An account of your own and no domain: the least there is to decide. The rendezvous server's address is kept in an SSM
# parameter, which is all that cosmic-fmi run needs.
name_prefix = "cosmic"
region      = "us-east-1"

# Arm is a fifth cheaper. Leave it at x86_64 if your scripts bring compiled x86 code, or if you build on an Intel machine.
architecture = "x86_64"

# New accounts may not use more than 3008 MB a function.
executor_memory_mb = 3008

# A warning by e-mail; it stops nothing and costs nothing. Put your own address here.
budget_usd   = 20
budget_email = "you@example.org"
