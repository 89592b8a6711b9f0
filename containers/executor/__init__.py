"""The Lambda image: initialize, execute and summarize an execution, and keep track of the rendezvous server.

    handlers/   the functions: initialize, execute and summarize of every execution; find_rendezvous and
                publish_address, which start, find and stop the rendezvous server
    script/     a rank's script: its objects from S3, running it, what it prints
    inputs/     what a user typed, checked
    retry_policy.py    whether another attempt can succeed   abort_notice.py   of a rank that was killed
    outcomes.py        how a rank ended                      rank_event.py     the input of one rank
    rendezvous.py      where the ranks meet                  deal.py           which rank reads which file
    clients.py         AWS clients, one of each a process

handlers use all of these, and none of them uses handlers. script uses inputs.
"""

import logging
import os

# awslambdaric puts its handler on the root logger and leaves the level to us.
logging.getLogger(__name__).setLevel(os.environ.get("LOG_LEVEL", "INFO"))
