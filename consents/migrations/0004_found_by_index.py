"""Years of proofs are listed and found by index."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Beside whoever writes: under a lock, the recorder waited for 4 s at 3 million decisions."""

    atomic = False

    dependencies = [
        ("consents", "0003_seed_purposes"),
    ]

    operations = [
        # A try that broke off leaves indexes of these names, which are not used.
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS consents_consentevent_at", migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name="consentevent",
            index=models.Index(fields=["-at", "-id"], name="consents_consentevent_at"),
        ),
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS consents_consentevent_message", migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name="consentevent",
            index=models.Index(fields=["message_id"], name="consents_consentevent_message"),
        ),
    ]
