"""What the audit log holds about a shopper, registered with `common.privacy`."""

from audit import selectors, services
from common.privacy import Export, Person, Store


def erase(person: Person) -> int:
    """Destroy the keys and details of all the person's ids."""
    return sum(services.destroy_subject(subject) for subject in person.subjects)


def export(person: Person) -> Export:
    """Return what was done about the person, and the details."""
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
    """Return how many keys and details are left."""
    return sum(selectors.traces_of(subject) for subject in person.subjects)


STORE = Store(name="audit", erase=erase, export=export, verify=verify, last=True)
