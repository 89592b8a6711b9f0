output "region" {
  description = "Region of everything."
  value       = var.region
}

output "name_prefix" {
  description = "Start of every name."
  value       = var.name_prefix
}

output "bucket" {
  description = "Name of the deployment's bucket: bundles, data, the state of executions, results."
  value       = module.storage.bucket
}

output "state_machine_arn" {
  description = "ARN of the state machine that runs a world."
  value       = module.workflow.state_machine_arn
}

output "functions" {
  description = "Names of the Lambda functions by their handler."
  value       = merge(module.executor.function_names, module.rendezvous[*].function_names...)
}

output "executor_log_group" {
  description = "Name of the log group of the function that runs the ranks, for helper scripts that ask for one; without /aws/lambda/ it is the function's name."
  value       = module.executor.log_groups["execute"]
}

output "executor_memory_mb" {
  description = "Memory of a rank in MB."
  value       = var.executor_memory_mb
}

output "architecture" {
  description = "Processor architecture of functions and task, which decides their price."
  value       = var.architecture
}

output "rendezvous" {
  description = "How the rendezvous server runs: mode and, if there is one, name of the SSM parameter with its address (\"ip:port\" or \"pending\"), cluster and ECS service."
  value = merge({ mode = var.rendezvous_mode }, [
    for server in module.rendezvous : { parameter = server.parameter, cluster = server.service.cluster, service = server.service.name }
  ]...)
}

output "rendezvous_domain" {
  description = "Domain name of the rendezvous server, or null."
  value       = one(module.rendezvous[*].domain)
}

output "log_groups" {
  description = "Names of the log groups by what writes to them."
  value = merge(module.executor.log_groups, { state_machine = module.workflow.log_group }, [
    for server in module.rendezvous : {
      rendezvous      = server.log_group
      find_rendezvous = server.finder_log_group
      publish_address = server.publisher_log_group
    }
  ]...)
}

output "images" {
  description = "Images that are deployed, by container."
  value       = module.registry.image_uris
}

output "dashboard" {
  description = "Name of the CloudWatch dashboard, or null."
  value       = module.monitoring.dashboard
}

output "budget" {
  description = "Name of the budget, or null."
  value       = module.monitoring.budget
}
