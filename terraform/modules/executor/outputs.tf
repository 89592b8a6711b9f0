output "function_names" {
  description = "Names of the functions by handler."
  value       = { for name, function in module.function : name => function.name }
}

output "function_arns" {
  description = "ARNs of the functions by handler."
  value       = { for name, function in module.function : name => function.arn }
}

output "timeouts_s" {
  description = "Time limits of the functions in seconds by handler."
  value       = { for name, function in local.functions : name => function.timeout_s }
}

output "log_groups" {
  description = "Names of the functions' log groups by handler."
  value       = { for name, function in module.function : name => function.log_group }
}
