"""What benchmarks do inside an installation: fill a simulated shop. Its process has Django's settings."""


def fill_shop(shoppers: int) -> None:
    """Load keys, products and the recorded history of so many shoppers; there is no model."""
    from django.conf import settings

    from common import clock
    from demo import filling, setup
    from demo.datasets.simulated import load

    setup.prepare()
    data = load(now=clock.now(), currency=settings.SHOP_CURRENCY, shoppers=shoppers)
    filling.fill_catalog(data, lambda n: None)
    filling.send_events(data, lambda n: None)
    if not filling.wait_until_recorded(lambda waiting: None, timeout_s=60):
        raise RuntimeError("the recorder does not move")
    filling.note_loaded(data)
