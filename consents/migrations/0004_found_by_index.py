"""Years of proofs are listed and found by index."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("consents", "0003_seed_purposes"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="consentevent",
            index=models.Index(fields=["-at", "-id"], name="consents_consentevent_at"),
        ),
        migrations.AddIndex(
            model_name="consentevent",
            index=models.Index(fields=["message_id"], name="consents_consentevent_message"),
        ),
    ]
