"""What a ConversationRelay call means. Pure: values in, values out; no sockets, clocks, disks, SQL, OTel or HTML."""
