# Several teams in one account, each with a prefix of its own in every name. Each team keeps a state of its own too: its
# own clone, or its own key in the S3 backend (s3-backend/).
name_prefix = "team-7"
region      = "us-east-1"
tags        = { Team = "7" }

# No team takes the others' concurrency.
reserved_concurrency = 40

# Counts this team's costs only, once an administrator has activated the cost allocation tag Project.
budget_usd      = 20
budget_email    = "team-7@example.edu"
budget_tag_only = true
