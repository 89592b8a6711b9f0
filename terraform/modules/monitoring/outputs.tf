output "dashboard" {
  description = "Name of the CloudWatch dashboard, or null."
  value       = one(aws_cloudwatch_dashboard.this[*].dashboard_name)
}

output "budget" {
  description = "Name of the budget, or null."
  value       = one(aws_budgets_budget.this[*].name)
}
