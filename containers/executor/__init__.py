"""The Lambda image: initialize, execute and summarize an execution, and keep track of the rendezvous server.

    handlers/        the functions: initialize, execute and summarize of every execution; find_rendezvous and
                     publish_address, which start, find and stop the rendezvous server
    inputs/          what a user typed, checked
    script/          a rank's script: its objects from S3, running it, what it prints
    deal.py          which rank reads which file           rank_event.py     what one rank is told
    rendezvous.py    where the ranks meet                  outcomes.py       what became of a rank
    retry_policy.py  whether another attempt can mend it   abort_notice.py   of a rank that was killed
    clients.py       AWS clients, one of each a process

handlers use all of these, and none of them uses handlers.
"""

import logging
import os

# awslambdaric puts its handler on the root logger and leaves the level to us.
logging.getLogger(__name__).setLevel(os.environ.get("LOG_LEVEL", "INFO"))
