# Every option on, for checkov to look at.
image_builder = "codebuild"
domain_name   = "example.org"
create_zone   = true
dashboard     = true
budget_usd    = 20
budget_email  = "student@university.test"
