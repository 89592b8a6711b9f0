"""What moto lacks or gets wrong. Each module has one `install`, and can go once moto does the same.

bucket_policies.py   budgets.py   codebuild.py   quotas.py   stepfunctions.py   a service each
build_roles.py   function_roles.py   workflow_roles.py   services that act with a role of the deployment
insights.py                                      queries of CloudWatch Logs
"""
