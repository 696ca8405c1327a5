{% autoescape off %}curl -u {{ key }}: {{ host }}/v1/track -d '{
  "anonymousId": "a1", "event": "Product Viewed", "properties": {"product_id": "P1"},
  "context": {"consent": {"categoryPreferences": {"analytics": true, "personalization": true, "train_models": true}}}}'{% endautoescape %}
