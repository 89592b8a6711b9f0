"""What is to be run.

plan.py     runs, from axes      file.py    a sweep file       record.py   what a sweep was, for --resume
inputs.py   data and script      upload.py  into the bucket    payloads.py   an execution's input
"""
