output "parameter" {
  description = "Name of the SSM parameter that holds the server's address."
  value       = aws_ssm_parameter.address.name
}

output "parameter_arn" {
  description = "ARN of the SSM parameter that holds the server's address."
  value       = aws_ssm_parameter.address.arn
}

output "domain" {
  description = "Domain name of the server, or null."
  value       = local.record_name
}

output "log_group" {
  description = "Name of the server's log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "publisher_log_group" {
  description = "Name of the log group of the function that publishes the address."
  value       = module.publisher.log_group
}

output "service" {
  description = "Cluster and name of the server's ECS service."
  value       = { cluster = aws_ecs_cluster.this.name, name = aws_ecs_service.this[var.mode].name }
}

output "finder_arn" {
  description = "ARN of the function that finds the server or has it started."
  value       = module.finder.arn
}

output "finder_timeout_s" {
  description = "Time limit of that function in seconds."
  value       = 30
}

output "finder_log_group" {
  description = "Name of that function's log group."
  value       = module.finder.log_group
}

output "function_names" {
  description = "Names of the functions that find the server and publish its address, by handler."
  value       = { find_rendezvous = module.finder.name, publish_address = module.publisher.name }
}
