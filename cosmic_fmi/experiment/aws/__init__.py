"""What an execution leaves in AWS's services, read the same way from AWS and from the embedded one.

clients.py                                           boto3 clients of a target
executions.py   history.py   failure.py              Step Functions: what runs, its history, why it failed
cloudwatch.py   lambda_logs.py   rendezvous_log.py   log events, REPORT lines, the rendezvous server's lines
artifacts.py   s3_sync.py                            S3: what ranks wrote, and uploads
"""
