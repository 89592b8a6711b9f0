data "aws_caller_identity" "this" {}

locals {
  place = "${var.region} of account ${data.aws_caller_identity.this.account_id}"
}

# Where everything was made first. Under another region or account Terraform would find nothing of it, forget it, and leave
# it there, billed. The storage module refuses that: a variable's validation stops every command, where a destroy and a
# refresh only warn of a precondition.
resource "terraform_data" "place" {
  input = local.place

  lifecycle {
    ignore_changes = [input]
  }
}

locals {
  rendezvous = var.rendezvous_mode != "none"

  base = var.base_image_digest == null ? {} : { BASE_IMAGE = "public.ecr.aws/docker/library/python@${var.base_image_digest}" }
}

module "registry" {
  source = "./modules/registry"

  name_prefix        = var.name_prefix
  region             = var.region
  root               = abspath("${path.root}/..")
  builder            = var.image_builder
  prebuilt_images    = var.prebuilt_images
  build_args         = merge(local.base, var.image_build_args)
  architecture       = var.architecture
  bucket             = module.storage.bucket
  log_retention_days = var.log_retention_days
  rendezvous         = local.rendezvous

  build_role_arn       = var.existing_roles.build
  permissions_boundary = var.permissions_boundary
}

module "storage" {
  source = "./modules/storage"

  # Bucket names are shared by all accounts and regions.
  name                  = "${var.name_prefix}-${data.aws_caller_identity.this.account_id}-${var.region}"
  place                 = { asked = local.place, made = terraform_data.place.output }
  lifecycle_rules       = var.lifecycle_rules
  result_retention_days = var.result_retention_days
}

module "rendezvous" {
  source = "./modules/rendezvous"
  count  = local.rendezvous ? 1 : 0

  region              = var.region
  name_prefix         = var.name_prefix
  image_uri           = module.registry.image_uris["rendezvous"]
  publisher_image_uri = module.registry.image_uris["executor"]
  repository_arn      = module.registry.repository_arns["rendezvous"]
  architecture        = var.architecture
  port                = var.rendezvous_port
  mode                = var.rendezvous_mode
  idle_s              = var.rendezvous_idle_s
  domain_name         = var.domain_name
  create_zone         = var.create_zone
  zone_id             = var.zone_id
  network             = var.existing_network
  log_retention_days  = var.log_retention_days
  log_level           = var.log_level

  publisher_image_build = module.registry.builds["executor"]

  agent_role_arn       = var.existing_roles.rendezvous
  function_role_arn    = var.existing_roles.functions
  permissions_boundary = var.permissions_boundary
}

module "executor" {
  source = "./modules/executor"

  name_prefix          = var.name_prefix
  execute_name         = var.executor_name
  image_uri            = module.registry.image_uris["executor"]
  image_build          = module.registry.builds["executor"]
  architecture         = var.architecture
  bucket               = module.storage.bucket
  bucket_arn           = module.storage.bucket_arn
  extra_buckets        = var.extra_buckets
  memory_mb            = var.executor_memory_mb
  timeout_s            = var.executor_timeout_s
  ephemeral_storage_mb = var.executor_ephemeral_storage_mb
  reserved_concurrency = var.reserved_concurrency
  log_retention_days   = var.log_retention_days
  log_level            = var.log_level
  rendezvous           = local.rendezvous
  role_arn             = var.existing_roles.functions
  permissions_boundary = var.permissions_boundary
}

module "workflow" {
  source = "./modules/workflow"

  region               = var.region
  name_prefix          = var.name_prefix
  definition           = "${path.root}/../statemachine.asl.json"
  bucket               = module.storage.bucket
  bucket_arn           = module.storage.bucket_arn
  function_arns        = merge(module.executor.function_arns, { find_rendezvous = one(module.rendezvous[*].finder_arn) })
  attempts             = var.world_attempts
  initialize_timeout_s = module.executor.timeouts_s["initialize"]
  execute_timeout_s    = module.executor.timeouts_s["execute"]
  summarize_timeout_s  = module.executor.timeouts_s["summarize"]

  find_rendezvous_timeout_s = try(module.rendezvous[0].finder_timeout_s, 0)

  log_retention_days = var.log_retention_days

  role_arn             = var.existing_roles.state_machine
  permissions_boundary = var.permissions_boundary
}

module "monitoring" {
  source = "./modules/monitoring"

  name_prefix          = var.name_prefix
  region               = var.region
  dashboard            = var.dashboard
  function_names       = module.executor.function_names
  state_machine_arn    = module.workflow.state_machine_arn
  rendezvous_log_group = one(module.rendezvous[*].log_group)
  budget_usd           = var.budget_usd
  budget_email         = var.budget_email
  budget_tag_only      = var.budget_tag_only
}
