# A course's own account, with a domain: the server is also reachable as rendezvous.cosmic.example.edu, for TCPunch
# clients outside of AWS.
name_prefix = "cosmic"
region      = "us-east-1"
tags        = { Course = "CS 6501", Term = "Fall" }

# Creates the hosted zone (0.50 USD a month). Delegate the domain to its name servers where it is registered; leave
# create_zone out if the zone exists.
domain_name = "cosmic.example.edu"
create_zone = true

# Worlds of up to 200 ranks, which leaves the rest of the account's concurrency to the other functions.
reserved_concurrency = 200

# Results are kept for a semester.
result_retention_days = 180

dashboard    = true
budget_usd   = 200
budget_email = "instructor@example.edu"
