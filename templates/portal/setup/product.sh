{% autoescape off %}curl -X PUT {{ host }}/api/v1/products/P1 -H "Authorization: Bearer {{ secret }}" \
  -H "Content-Type: application/json" \
  -d '{"title": "Oak chair", "price": "89.90", "currency": "EUR", "category": ["Furniture", "Chairs"]}'{% endautoescape %}
