"""A network as a folder for hardware: written by `export`, run again and compared by `verify`.

Backends that can be a chip make what is in it (`package`); here it is written (`writing`), read
with distrust (`manifest`, `arrays`), and compared (`verifying`).
"""
