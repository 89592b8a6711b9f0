# A classroom account: no roles and no networks can be made, and one role may do what the class needs (LabRole in AWS
# Academy's learner labs). Single ranks, and worlds whose ranks talk through S3; docs/deploy.md says how to have more.
name_prefix = "cosmic"
region      = "us-east-1"

# Put your account's number here; `aws sts get-caller-identity` prints it.
existing_roles = {
  functions     = "arn:aws:iam::123456789012:role/LabRole"
  rendezvous    = "arn:aws:iam::123456789012:role/LabRole"
  state_machine = "arn:aws:iam::123456789012:role/LabRole"
  build         = "arn:aws:iam::123456789012:role/LabRole"
}

rendezvous_mode = "none"
