"""Redaction of what callers and agents say, before anything of it is stored. Pure: values in, values out; no sockets,
clocks, disks, SQL, OTel or HTML."""
