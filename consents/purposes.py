"""The purposes a shop starts with, as `decide` sees them. Pure.

The seed migration writes the same into the table; this copy decides while the table cannot be read.
"""

from consents.rules import PurposeTerms

BUILT_IN: dict[str, PurposeTerms] = {
    terms.name: terms
    for terms in (
        PurposeTerms("essential", 1, basis="contract"),
        PurposeTerms("analytics", 1),
        PurposeTerms("personalization", 1),
        PurposeTerms("cross_device", 1),
        PurposeTerms("train_models", 1),
        PurposeTerms("experiments", 1),
        PurposeTerms("crm_sync", 1),
        PurposeTerms("ads_share", 1, sale_or_share=True),
    )
}
