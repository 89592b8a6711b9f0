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
  description = "Names of the Lambda functions by their role in the state machine."
  value       = module.executor.function_names
}

output "executor_memory_mb" {
  description = "Memory of a rank in MB."
  value       = var.executor_memory_mb
}

output "architecture" {
  description = "Processor architecture of functions and task, which decides their price."
  value       = var.architecture
}

output "rendezvous_parameter" {
  description = "Name of the SSM parameter with the rendezvous server's address, \"ip:port\" or \"pending\"."
  value       = module.rendezvous.parameter
}

output "rendezvous_mode" {
  description = "on-demand or always-on: whether executions start the rendezvous server."
  value       = var.rendezvous_mode
}

output "rendezvous_service" {
  description = "Cluster and name of the ECS service that runs the rendezvous server."
  value       = module.rendezvous.service
}

output "rendezvous_domain" {
  description = "Domain name of the rendezvous server, or null."
  value       = module.rendezvous.domain
}

output "log_groups" {
  description = "Names of the log groups by what writes to them."
  value = merge(module.executor.log_groups, {
    rendezvous      = module.rendezvous.log_group
    find_rendezvous = module.rendezvous.finder_log_group
    publish_address = module.rendezvous.publisher_log_group
    state_machine   = module.workflow.log_group
  })
}

output "images" {
  description = "Images that are deployed, by container."
  value       = module.registry.image_uris
}
