{% autoescape off %}import { AnalyticsBrowser } from "@segment/analytics-next";

const analytics = AnalyticsBrowser.load({ writeKey: "{{ key }}", cdnURL: "{{ host }}/cdn" });
const choices = { analytics: true, personalization: true, train_models: true }; // what your banner's answer was
analytics.track("Product Viewed", { product_id: "P1" }, { context: { consent: { categoryPreferences: choices } } });{% endautoescape %}
