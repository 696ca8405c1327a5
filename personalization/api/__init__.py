"""The storefront API of this room: a serializer checks the request, a service answers, a body is returned."""
