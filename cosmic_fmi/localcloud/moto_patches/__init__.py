"""What moto lacks or gets wrong. Each module has one `install`, and can go once moto does the same.

bucket_policies.py   budgets.py   codebuild.py   quotas.py   stepfunctions.py   a service each
function_states.py   history.py                  functions that are idle or change; long executions
build_roles.py   function_roles.py   workflow_roles.py   services that act with a role of the deployment
insights.py                                      queries of CloudWatch Logs
"""
