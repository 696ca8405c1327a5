"""Access and erasure of a shopper's data on the audit log, registered with `common.privacy`."""

from audit import selectors, services
from common.privacy import Export, Person, Store


def erase(person: Person) -> int:
    """Destroy the keys and details of all the person's ids."""
    return sum(services.destroy_subject(subject) for subject in person.subjects)


def export(person: Person) -> Export:
    """Return the events about the person, with their details."""
    rows = [
        {
            "at": entry.at,
            "action": entry.action,
            "object": entry.object,
            "data": entry.data,
            "detail": selectors.read_detail(entry.id),
        }
        for subject in person.subjects
        for entry in selectors.entries_about(subject)
    ]
    return {"audit_events": rows}


def verify(person: Person) -> int:
    """Return the number of keys and details left."""
    return sum(selectors.traces_of(subject) for subject in person.subjects)


STORE = Store(name="audit", erase=erase, export=export, verify=verify, last=True)
