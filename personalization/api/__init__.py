"""The storefront's doors of this room: a serializer in, a service, a body out."""
