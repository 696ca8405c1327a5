"""Pages that use several rooms: the admin's home, a customer's page, the preview, the demo shop.

This room has no models and no business logic: each page reads selectors and calls services of other rooms.
"""
