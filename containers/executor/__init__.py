"""The Lambda image: initialize, execute and summarize an execution, and keep track of the rendezvous server.

One file a handler, and beside them the parts they share:

    initialize.py  execute.py  summarize.py          the handlers of every execution
    find_rendezvous.py  publish_address.py           those that start, find and stop the rendezvous server
    payload.py     what a user typed, checked        partitions.py   which rank reads which file
    rank_event.py  what one rank is told             rendezvous.py   where the ranks meet
    bundle.py      the script's objects, from S3     script.py       runs the script
    outcomes.py    what became of a rank             mendable.py     whether another attempt can mend it
    output.py      what a script prints              last_word.py    of a rank that was killed
    digest.py      whether inputs are the same       clients.py      AWS clients, one of each a process
"""

import logging
import os

# awslambdaric puts its handler on the root logger and leaves the level to us.
logging.getLogger(__name__).setLevel(os.environ.get("LOG_LEVEL", "INFO"))
