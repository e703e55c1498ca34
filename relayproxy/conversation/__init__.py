"""The meaning of a ConversationRelay call. Pure: values in, values out; no sockets, clocks, disks, SQL, OTel or
HTML."""
