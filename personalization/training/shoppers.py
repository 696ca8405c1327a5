"""From a frame of shoppers to what is known of each user code, named as a request names it. Pure."""

from collections.abc import Sequence

import pandas as pd

from personalization.recommenders.attributes import named
from personalization.training.reading import id_texts


def attributes_of(shoppers: pd.DataFrame, user_ids: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the attributes of each user id, in order, () where the frame lacks the shopper.

    All columns but `user_id` are attributes; without any the answer is (). Raises ValueError without `user_id`.
    """
    if "user_id" not in shoppers:
        raise ValueError("shoppers need the column user_id")
    keys = [str(name) for name in shoppers.columns if name != "user_id"]
    if not keys:
        return ()
    records = shoppers.assign(user_id=id_texts(shoppers["user_id"])).astype(object).to_dict("records")
    known = {row["user_id"]: named({str(key): row[key] for key in row}, keys) for row in records}
    return tuple(known.get(user_id, ()) for user_id in user_ids)
