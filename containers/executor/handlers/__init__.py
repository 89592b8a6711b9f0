"""The functions of the image: one module a handler.

initialize.py   execute.py   summarize.py    every execution: before the ranks, a rank, after the ranks
find_rendezvous.py   publish_address.py      the rendezvous server: start and find it, publish its address
"""
