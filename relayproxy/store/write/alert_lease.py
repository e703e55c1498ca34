"""Alert lease: which of several consoles decides on alerts and tells them.

Knows: that one at a time does, for as long as it renews its lease; whose it was may take it again.
Must not know: what is decided; how long a lease is.

Consoles' clocks may differ. Two that both think they have it do no harm: of a rule one firing is open, and an attempt
to tell is made once.
"""

from typing import Any, cast

from sqlalchemy import or_, update

from relayproxy.store.schema.mapping import insert_once
from relayproxy.store.schema.tables import alert_lease
from relayproxy.store.write.annotation_writer import AnnotationWriter

_NAME = "alerts"
_l = alert_lease.c


def take_lease(writer: AnnotationWriter, owner: str, now: int, until: int) -> bool:
    """Takes or renews the lease; False while another one has it. Times are wall nanoseconds."""
    mine = update(alert_lease).where(_l.name == _NAME, or_(_l.owner == owner, _l.until <= now))
    with writer.writing() as db:
        if db.execute(mine.values(owner=owner, until=until)).rowcount:
            return True
        first = cast(Any, insert_once(db.dialect.name, alert_lease)).values(name=_NAME, owner=owner, until=until)
        return db.execute(first.returning(_l.name)).first() is not None


def give_up_lease(writer: AnnotationWriter, owner: str) -> None:
    """Gives it up, so that another one need not wait for its end."""
    with writer.writing() as db:
        db.execute(update(alert_lease).where(_l.name == _NAME, _l.owner == owner).values(until=0))
