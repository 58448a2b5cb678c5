"""Five alike: programs of five languages behind one port, which a client cannot tell apart. See `__main__.py`."""
