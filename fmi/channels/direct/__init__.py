"""TCP between the ranks.

channel.py         the channel: with requests beside other calls
_messages.py       sending and receiving             _connections.py   who is connected, and who is not yet
_persistent*.py    calls that were made before       _small_frames.py _large_frames.py   their messages
"""
